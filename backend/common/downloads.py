"""Files on their way out that only some may read."""

from __future__ import annotations

from typing import BinaryIO, cast

from django.core.files.base import File
from django.http import FileResponse


def private_download(file: File, *, name: str, content_type: str) -> FileResponse:
    """Always a download, never a page: whatever the file turns out to be, no browser opens it in
    our name or keeps it.
    """
    response = FileResponse(
        cast("BinaryIO", file), as_attachment=True, filename=name, content_type=content_type
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
