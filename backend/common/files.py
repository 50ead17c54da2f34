"""Files on their way in and out, and in the storage that FILES_URL names."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpRequest
from django.utils.translation import gettext as _

from backend.common.errors import Gone, Unavailable

_log = structlog.get_logger(__name__)

# Files on their way in: one that is too large is thrown away while it comes, never gathered in
# memory or on disk.


UPLOAD_LIMIT = 10 * 1024 * 1024  # bytes of one file
REQUEST_LIMIT = 3 * UPLOAD_LIMIT  # bytes of a whole request; a longer one is not even read
_TOO_LARGE = "csc.too_large_uploads"


class ReadableRequest(WSGIRequest):
    """A request whose Content-Type names an encoding in which bytes are no text (``rot13``,
    ``idna``), or one that nobody knows, has no Content-Type: Django fails on it in places where
    nothing answers in words.
    """

    def _set_content_type_params(self, meta: Any) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
            b"\xff".decode(self.encoding or "utf-8", "replace")
        except (LookupError, ValueError, SuspiciousOperation):
            # SuspiciousOperation: Django reads the query in it, and takes a failure for many fields
            self.content_type, self.content_params, self._encoding = "", {}, None


class Application(WSGIHandler):
    request_class = ReadableRequest


class LimitedUpload(FileUploadHandler):
    """First of the upload handlers. A file beyond the limit is read to its end without being kept,
    so that the page can say so. Of two files in one field one would be dropped in silence, so that
    they are refused.
    """

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self.fields: set[str] = set()

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
        if self.field_name in self.fields:
            raise TooManyFilesSent(f"There are two files in the field {self.field_name!r}.")
        self.fields.add(str(self.field_name))
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


# Files in the storage: a disk or an object store, so nothing here or elsewhere asks for a path. A
# storage that fails raises OSError.


DELETE_FILE = "delete_file"  # the job; its key is the file's name


@contextmanager
def stored(file: FieldFile, content: bytes, *, suffix: str) -> Iterator[None]:
    """Stores the content under a random name; the body saves the row. Where the body fails the
    file is deleted again. Not to be entered in a transaction: the storage may take seconds.

    Raises Unavailable: the storage refuses or does not answer.
    """
    given = secrets.token_hex(16) + suffix
    name = file.field.generate_filename(file.instance, given)
    try:
        file.save(given, ContentFile(content), save=False)
        yield
    except BaseException as error:
        with suppress(OSError):
            file.storage.delete(name)
        if isinstance(error, OSError):
            raise _unavailable(name, error) from error
        raise


def opened(file: FieldFile) -> File:
    """A stored file, to be read. Raises Gone: the storage does not have it (any more).
    Unavailable: it does not answer.
    """
    try:
        return cast("File", file.open("rb"))
    except FileNotFoundError as error:
        _log.error("file_lost", name=str(file.name))
        raise Gone(
            _("This file is no longer in the storage. Ask its sender to send it again.")
        ) from error
    except OSError as error:
        raise _unavailable(str(file.name), error) from error


def _unavailable(name: str, error: OSError) -> Unavailable:
    _log.error("file_storage_failed", name=name, exc_info=error)
    return Unavailable(
        _(
            "Files cannot be stored or read just now. Nothing was changed; try again in a few "
            "minutes."
        )
    )


def check_storage() -> None:
    """Writes, reads and deletes one file. Raises OSError where the storage does not allow it."""
    name = default_storage.save(f"check-{secrets.token_hex(16)}", ContentFile(b"check"))
    with default_storage.open(name, "rb") as file:
        file.read()
    default_storage.delete(name)


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
