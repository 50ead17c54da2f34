"""Files in an S3-compatible object store, with the errors of a file system. Loaded where FILES_URL
names one: the client's library takes time and memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

# A store that does not answer keeps a request for about this long.
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 3, 10, 2
# Checksums in trailers are newer than many stores that speak S3.
_CHECKSUMS = "when_required"


@contextmanager
def _errors_of_files() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, Boto3Error, ClientError) as error:
        raise OSError(" ".join(str(error).split())) from error


class ObjectStorage(S3Storage):
    """django-storages' S3, which raises OSError where the store refuses or does not answer, and
    FileNotFoundError for an object that is not there. A file is fetched whole when it is opened.
    """

    def get_default_settings(self) -> dict[str, Any]:
        defaults: dict[str, Any] = super().get_default_settings()
        client = Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": _ATTEMPTS},
            signature_version="s3v4",
            # Names of buckets as hosts need a certificate and a DNS entry for each.
            s3={"addressing_style": "path"},
            request_checksum_calculation=_CHECKSUMS,
            response_checksum_validation=_CHECKSUMS,
        )
        return defaults | {
            "client_config": client,
            "transfer_config": TransferConfig(use_threads=False),
        }

    def _open(self, name: str, mode: str = "rb") -> Any:
        with _errors_of_files():
            opened = super()._open(name, mode)
            if "r" in mode:
                opened.seek(0)
            return opened

    def _save(self, name: str, content: Any) -> str:
        with _errors_of_files():
            saved: str = super()._save(name, content)
            return saved

    def delete(self, name: str) -> None:
        with _errors_of_files():
            super().delete(name)
