"""Letters as scanners, telephones and offices write them: kept as they look, or refused with a way
out.
"""

from __future__ import annotations

import io

import pytest
from pikepdf import Dictionary, Name
from PIL import Image, ImageChops

from backend.cities.documents import check_letter
from backend.common.errors import InvalidFields
from tests.letters import picture, real_pdf, zipped


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "I;16"), ("JPEG", "CMYK"), ("PNG", "LA")])
def test_scan_is_kept_as_it_looks(kind: str, mode: str) -> None:
    lines = bytes(range(256)) * 400
    seen = Image.frombytes("L", (256, 400), lines)
    if mode == "I;16":  # as scanners do: each grey of 8 bits twice
        sent = Image.frombytes(mode, seen.size, bytes(grey for grey in lines for _ in "12"))
    else:
        sent = seen.convert("RGB").convert(mode) if mode == "CMYK" else seen.convert(mode)
    written = io.BytesIO()
    sent.save(written, kind)
    kept = Image.open(io.BytesIO(check_letter(written.getvalue(), "a", person=1).content))
    if kept.mode.startswith("I"):
        kept = Image.frombytes("L", kept.size, kept.tobytes()[1::2])
    different = ImageChops.difference(kept.convert("L"), seen)
    assert different.getextrema()[1] <= 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x00\x00\x00\x24ftypheic" + b"\x00" * 90, "HEIC"),
        (picture("TIFF"), "TIFF"),
        (zipped(), "office program"),
        (b"GIF89a" + b"\x00" * 90, "not a PDF, JPEG or PNG"),
        (real_pdf(Dictionary(Type=Name.EmbeddedFile)), "Another file is attached"),
    ],
)
def test_another_kind_of_letter_is_refused_with_a_way_out(content: bytes, words: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        check_letter(content, "letter.pdf", person=1)
    assert words in refused.value.errors["letter"][0]
