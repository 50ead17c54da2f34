"""Files as vetting letters, harmless and not."""

from __future__ import annotations

import io
import zipfile
import zlib

import pikepdf
from PIL import Image

JAVASCRIPT = b"4 0 obj<</S/JavaScript/JS(app.alert(1))>>endobj"


def pdf(*objects: bytes, tail: bytes = b"") -> bytes:
    """A small PDF with these objects besides its page."""
    body = (
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 "
        b"R]/Count 1>>endobj\n"
    )
    body += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\n" + b"\n".join(objects)
    return body + b"\ntrailer<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n" + tail


def real_pdf(
    extra: pikepdf.Object | None, password: dict[str, str] | None = None, **root: pikepdf.Object
) -> bytes:
    """An undamaged PDF whose objects, ``extra`` among them, are packed in object streams."""
    written = io.BytesIO()
    with pikepdf.Pdf.new() as made:
        made.add_blank_page()
        for name, value in root.items():
            made.Root[f"/{name}"] = value
        if extra is not None:
            made.Root.Extra = made.make_indirect(extra)
        made.save(
            written,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            encryption=pikepdf.Encryption(**password) if password else False,
        )
    return written.getvalue()


def packed(
    content: bytes, *, head: bytes = b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode"
) -> bytes:
    """An object stream: what is in it cannot be seen in the file's bytes."""
    inside = zlib.compress(content)
    return (
        b"9 0 obj<<" + head + b"/Length %d>>stream\n" % len(inside) + inside + b"\nendstream endobj"
    )


def packed_catalog(catalog: bytes, *, head: bytes = b"", line_end: bytes = b"\r\n") -> bytes:
    """An undamaged PDF 1.5 whose catalog is in an object stream. ``head`` is within the stream's
    dictionary, ``line_end`` follows the word stream.
    """
    body = b"%PDF-1.5\n"
    inside = zlib.compress(b"1 0 <<" + catalog + b"/Type/Catalog/Pages 2 0 R>>")
    parts = [
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        b"<<%b/Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream%b%b\nendstream"
        % (head, len(inside), line_end, inside),
    ]
    places = []
    for number, part in enumerate(parts, start=2):
        places.append(len(body))
        body += b"%d 0 obj" % number + part + b" endobj\n"
    rows = [b"\0\0\0\0\0", b"\2\0\0\4\0"]
    rows += [b"\1" + place.to_bytes(3) + b"\0" for place in [*places, len(body)]]
    table = b"".join(rows)
    return b"%b5 0 obj<</Type/XRef/Size 6/W[1 3 1]/Root 1 0 R/Length %d>>stream\n%b\nendstream" % (
        body,
        len(table),
        table,
    ) + b" endobj\nstartxref\n%d\n%%%%EOF\n" % len(body)


def picture(
    kind: str = "JPEG", *, size: tuple[int, int] = (40, 30), exif: bool = False, mode: str = "RGB"
) -> bytes:
    written = io.BytesIO()
    image = Image.new(mode, size, 1 if mode == "1" else 120)
    data = Image.Exif()
    if exif:
        data[0x010E] = "taken at the mayor's home"
        data[0x0112] = 6  # turned
    image.save(
        written,
        kind,
        **({"exif": data, "comment": b"a comment"} if exif and kind == "JPEG" else {}),
    )
    return written.getvalue()


def zipped(name: str = "run.js") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr(name, "alert(1)")
    return written.getvalue()
