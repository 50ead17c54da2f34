"""All that the service holds about one person, for that person.

Nothing is chosen by hand: each row of each table of ours that names the person is in it, so a table
added later is too. What is left out, and why, stands in LEFT_OUT.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
import zipfile
from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.db import models, transaction

from backend.accounts.models import User
from backend.cities.models import VettingLetter
from backend.outbox.services import record
from backend.outbox.topics import Topic

# (model, field): why it is not exported; a field that names a person stands for all rows that it
# names them in.
LEFT_OUT: dict[tuple[str, str], str] = {
    (
        "accounts.accountmail",
        "text",
    ): "holds codes and links that open the account until it is sent; deleted then",
    ("accounts.apitoken", "digest"): "a secret",
    ("accounts.apitoken", "token_key"): "the beginning of a secret",
    ("accounts.user", "password"): "a secret",
    ("web.idempotencykey", "body"): "answers that the person was given already, kept for a day",
    (
        "cities.joinrequest",
        "answered_by",
    ): "another person's words; that one answered is in the trail",
}


def references_to_people() -> Iterator[tuple[type[models.Model], models.ForeignKey[Any, Any]]]:
    """Each model of ours with each of its columns that names a person."""
    for model in apps.get_models():
        if model.__module__.startswith("backend."):
            for field in model._meta.concrete_fields:
                if (
                    isinstance(field, models.ForeignKey)
                    and field.related_model is User
                    and not _is_left_out(model, field.name)
                ):
                    yield model, field


def _is_left_out(model: type[models.Model], field: str) -> bool:
    return (model._meta.label_lower, field) in LEFT_OUT


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | uuid.UUID):
        return str(value)
    if isinstance(value, models.fields.files.FieldFile):
        return value.name
    return value


def _row(row: models.Model) -> dict[str, Any]:
    names = [
        field.attname
        for field in row._meta.concrete_fields
        if not _is_left_out(type(row), field.attname)
    ]
    return {name: _plain(getattr(row, name)) for name in names}


@transaction.atomic
def export_data(*, by: User) -> dict[str, Any]:
    """The person's own data as plain JSON: the account, its addresses, sessions and factors, and
    each row that names the person.

    ``records`` maps a table and its column ("cities.communityrole.user") to rows;
    ``outbox.event.by`` holds the person's acts.
    """
    by = User.objects.get(pk=by.pk)
    record(Topic.DATA_EXPORTED, subject=by, by=by)
    records = {
        f"{model._meta.label_lower}.{field.name}": [
            _row(row) for row in model._default_manager.filter(**{field.name: by}).order_by("pk")
        ]
        for model, field in references_to_people()
    }
    factors = Authenticator.objects.filter(user=by).order_by("pk")
    return {
        "account": _row(by),
        "addresses": [
            {"email": address.email, "confirmed": address.verified}
            for address in EmailAddress.objects.filter(user=by).order_by("pk")
        ],
        "sessions": [
            {
                "begun_at": str(s.created_at),
                "last_seen_at": str(s.last_seen_at),
                "ip": s.ip,
                "browser": s.user_agent,
            }
            for s in UserSession.objects.filter(user=by).order_by("pk")
        ],
        "second_factors": [
            {
                "kind": f.type,
                "added_at": str(f.created_at),
                "last_used_at": str(f.last_used_at or ""),
            }
            for f in factors
        ],
        "records": {name: rows for name, rows in sorted(records.items()) if rows},
    }


def export_archive(*, by: User) -> bytes:
    """The same as a ZIP archive: ``data.json``, and the letters that the person sent."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", json.dumps(export_data(by=by), ensure_ascii=False, indent=2))
        for letter in VettingLetter.objects.filter(by=by).order_by("pk"):
            suffix = letter.file.name.rpartition(".")[2]
            with letter.file.open("rb") as file:
                archive.writestr(f"letters/{letter.pk}.{suffix}", file.read())
    return content.getvalue()
