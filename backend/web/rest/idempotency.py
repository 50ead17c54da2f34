"""``Idempotency-Key``: an act asked for twice under one key happens once and is answered alike.

After the IETF draft "The Idempotency-Key HTTP Header Field". The key's row, the act and its answer
are one commit: whatever is killed in between, there are all three or none. A request that failed
changed nothing, is not remembered, and may be sent again.
"""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models.functions import Now
from rest_framework.exceptions import NotAuthenticated, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.common.errors import InvalidFields
from backend.web.models import IdempotencyKey

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
KEPT = dt.timedelta(hours=24)
Act = Callable[..., Response]


class KeyReused(InvalidFields):
    """The key was used for another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            {HEADER: ["This key was used for another request. Take a new key for a new act."]}
        )


def idempotent(act: Act) -> Act:
    """Makes the POST of a view honour the header. Without the header the act runs as it is."""

    @functools.wraps(act)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return act(view, request, *args, **kwargs)
        if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
            raise ValidationError(
                {
                    HEADER: [
                        f"Give a key of 1 to {LONGEST_KEY} visible characters, for example a UUID."
                    ]
                }
            )
        with transaction.atomic():
            row, fresh = _reserve(request, key)
            if not fresh:
                return _repeat(row, fingerprint_of(request))
            response = act(view, request, *args, **kwargs)
            row.status, row.body = (
                response.status_code,
                JSONRenderer().render(response.data).decode(),
            )
            row.save(update_fields=["status", "body"])
        return response

    once.is_idempotent = True  # type: ignore[attr-defined]
    return once


def _reserve(request: Request, key: str) -> tuple[IdempotencyKey, bool]:
    """The row of the key and whether this request made it. A second request waits here until the
    first has committed or failed.
    """
    if not isinstance(request.user, User):
        raise NotAuthenticated
    mine = IdempotencyKey.objects.filter(user=request.user)
    mine.filter(created_at__lt=Now() - KEPT).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO web_idempotencykey (user_id, key, fingerprint, body, created_at) VALUES "
            "(%s, %s, %s, '', now()) "
            "ON CONFLICT (user_id, key) DO NOTHING",
            [request.user.pk, key, fingerprint_of(request)],
        )
        fresh = cursor.rowcount == 1
    return mine.get(key=key), fresh


def _repeat(row: IdempotencyKey, fingerprint: str) -> Response:
    if row.fingerprint != fingerprint:
        raise KeyReused
    return Response(
        json.loads(row.body) if row.body else None,
        status=row.status,
        headers={"Idempotency-Replayed": "true"},
    )


def fingerprint_of(request: Request) -> str:
    """SHA-256 of method, path and body, hexadecimal. Files count by their content, whatever
    boundary separates them.
    """
    digest = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    data = request.data
    files = (
        {name: value for name, value in data.items() if isinstance(value, UploadedFile)}
        if hasattr(data, "items")
        else {}
    )
    plain = {name: value for name, value in data.items() if name not in files} if files else data
    digest.update(json.dumps(plain, sort_keys=True, default=str).encode())
    for name, upload in sorted(files.items()):
        digest.update(f"\n{name} {upload.name}\n".encode())
        for chunk in upload.chunks():
            digest.update(chunk)
        upload.seek(0)
    return digest.hexdigest()
