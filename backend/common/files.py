"""Files on their way in and out."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from django.core.exceptions import RequestDataTooBig
from django.core.files.base import File
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import FileResponse, HttpRequest

# Files on their way in: one that is too large is thrown away while it comes, never gathered in
# memory or on disk.


UPLOAD_LIMIT = 10 * 1024 * 1024  # bytes of one file
REQUEST_LIMIT = 3 * UPLOAD_LIMIT  # bytes of a whole request; a longer one is not even read
_TOO_LARGE = "csc.too_large_uploads"


class LimitedUpload(FileUploadHandler):
    """First of the upload handlers. A file beyond the limit is read to its end without being kept,
    so that the page can say so.
    """

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        if content_length > REQUEST_LIMIT:
            raise RequestDataTooBig(
                f"A request with files may have {REQUEST_LIMIT} bytes, this one has "
                f"{content_length}."
            )

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self.received += len(raw_data)
        if self.received > UPLOAD_LIMIT:
            if self.request is not None:
                self.request.META.setdefault(_TOO_LARGE, set()).add(self.field_name)
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def was_too_large(request: HttpRequest, field: str) -> bool:
    """True if a file of that field was thrown away for its size. Ask after the request's files were
    read.
    """
    return field in request.META.get(_TOO_LARGE, ())


# Files on their way out that only some may read.


def private_download(file: File, *, name: str, content_type: str) -> FileResponse:
    """Always a download, never a page: whatever the file turns out to be, no browser opens it as a
    page of ours or caches it.
    """
    response = FileResponse(
        cast("BinaryIO", file), as_attachment=True, filename=name, content_type=content_type
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
