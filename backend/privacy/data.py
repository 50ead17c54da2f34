"""A person's own data across all apps: their audit log, their tokens, and the export."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Actor, Resource, Verb, may
from backend.accounts.models import ApiToken, User
from backend.accounts.services import must_set_up_second_factor
from backend.cities.models import CommunityRole, VettingLetter
from backend.cities.permissions import actor_kind, reader_with, require_staff
from backend.common.errors import Conflict, Gone, InvalidFields, NotAllowed, NotVisible
from backend.common.files import opened
from backend.introductions.rationale import frozen_words_of
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic


def audit_log_of(user: User) -> QuerySet[Event]:
    """What the person did here, the latest first."""
    return Event.objects.filter(by=user).order_by("-id")


# Named tokens for the API. A token has its owner's rights, at the moment of each request and as far
# as its scope goes, and is shown once.


def may_make_tokens(user: User) -> bool:
    """True if the staff role, or any role of the person, may have tokens by the table of grants;
    for staff ``API_TOKENS["for_staff"]`` must allow it as well.
    """
    if not user.is_active:
        return False
    if user.is_staff_member:
        return bool(settings.API_TOKENS["for_staff"]) and may(
            actor_kind(user), Verb.CREATE, Resource.TOKENS
        )
    roles = CommunityRole.objects.filter(user=user, ended_at__isnull=True)
    return any(may(reader_with(user, role).actor, Verb.CREATE, Resource.TOKENS) for role in roles)


def token_scopes(user: User) -> list[ApiToken.TokenScope]:
    """The scopes that a token of this person may have, the narrowest first."""
    scope = ApiToken.TokenScope
    if user.is_staff_member:
        return [scope.STAFF_READ, scope.STAFF_ACT]
    return [scope.READ, scope.ACT]


def longest_token_days(user: User) -> int:
    """How many days a token of this person may be valid."""
    rule = settings.API_TOKENS
    return rule["longest_days_of_staff" if user.is_staff_member else "longest_days"]


def require_may_make_tokens(user: User) -> None:
    """Raises NotVisible for people who may have no tokens."""
    if not may_make_tokens(user):
        raise NotVisible


def _living() -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(Q(expiry__isnull=True) | Q(expiry__gt=Now()))


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """The person's own tokens that have not expired, the newest first. Raises NotVisible for people
    who have none and may have none.
    """
    mine = _living().filter(user=user).order_by("-created", "pk")
    if not may_make_tokens(user) and not mine.exists():
        raise NotVisible
    return mine


def all_tokens(user: User) -> QuerySet[ApiToken]:
    """Everybody's tokens that have not expired, for staff, the newest first. Raises NotVisible."""
    require_staff(user, Verb.READ, Resource.TOKENS)
    return _living().select_related("user").order_by("-created", "pk")


LONGEST_TOKEN_NAME = 80


@transaction.atomic
def create_token(*, by: User, name: str, days: int, scope: str = "") -> tuple[ApiToken, str]:
    """A token, and its text, which is never shown again.

    Args:
        days: how long it is valid, 1 to ``longest_token_days``.
        scope: one of ``token_scopes``; empty for the first of them, which only reads.

    Raises:
        NotVisible: the person may have none. NotAllowed: a member of staff without a second factor.
        InvalidFields: no name, too long a time, or another's scope. Conflict: as many tokens as one
            may have (code ``too_many_tokens``).
    """
    require_may_make_tokens(by)
    if must_set_up_second_factor(by):
        raise NotAllowed(str(_("Set up a second factor first.")), code="second_factor_required")
    name = " ".join(name.split())
    errors: dict[str, list[str]] = {}
    if not 1 <= len(name) <= LONGEST_TOKEN_NAME or "\x00" in name:
        errors["name"] = [str(_("Say in at most 80 characters what the token is for."))]
    longest = longest_token_days(by)
    if not 1 <= days <= longest:
        errors["days"] = [str(_("Choose between 1 and %(days)d days.")) % {"days": longest}]
    scopes = token_scopes(by)
    if (scope or scopes[0]) not in scopes:
        errors["scope"] = [
            str(_("Choose one of these: %(scopes)s.")) % {"scopes": ", ".join(scopes)}
        ]
    if errors:
        raise InvalidFields(errors)
    User.objects.select_for_update().get(pk=by.pk)  # two at once are counted one after the other
    if _living().filter(user=by).count() >= settings.API_TOKENS["most"]:
        raise Conflict(
            str(_("You have as many tokens as one person may have. End one of them first.")),
            code="too_many_tokens",
        )
    token, words = ApiToken.objects.create(
        user=by, expiry=dt.timedelta(days=days), name=name, scope=scope or scopes[0]
    )
    record(
        Topic.TOKEN_CREATED,
        subject=(User, by.pk),
        by=by,
        token=str(token.public_id),
        days=days,
        scope=token.scope,
    )
    return token, words


@transaction.atomic
def revoke_token(*, by: User, public_id: uuid.UUID) -> None:
    """Ends a token at once: one's own, or as an administrator anybody's. Raises NotVisible."""
    found = ApiToken.objects.select_for_update().filter(public_id=public_id)
    if not (by.is_active and by.is_admin and may(Actor.ADMIN, Verb.DELETE, Resource.TOKENS)):
        found = found.filter(user=by)
    token = found.first()
    if token is None:
        raise NotVisible
    owner_id = token.user_id
    token.delete()
    record(Topic.TOKEN_REVOKED, subject=(User, owner_id), by=by, token=str(public_id))


# All that the service holds about one person, for that person.
#
# Nothing is chosen by hand: each row of each table of ours that names the person is in it, so a
# table added later is too. LEFT_OUT says what is left out, and why; ACT_ALONE names the columns of
# rows that hold more than the person's own data.


# (model, field): why it is not exported; a field that names a person covers all rows that it
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
    (
        "suggestions.scoringrun",
        "requested_by",
    ): "the profiles of all communities; that one requested a run is in the trail",
    ("outbox.event", "routed_at"): "when the service worked on the event, beside others' events",
}

# (model, field that names the person): the columns exported, where others wrote or are named in the
# rest of the row.
ACT_ALONE: dict[tuple[str, str], tuple[str, ...]] = {
    ("cities.existingpartnership", "answered_by"): ("community_id", "state", "answered_at"),
    ("cities.invitation", "accepted_by"): ("community_id", "role", "settled_at"),
    ("cities.invitation", "invited_by"): ("community_id", "role", "status", "invited_at"),
    ("cities.memberimport", "by"): ("file_name", "checked_at", "applied_at"),
    ("cities.profileversion", "published_by"): ("profile_id", "number", "published_at"),
    ("cities.ticket", "owner"): ("number", "topic", "status", "changed_at"),
    ("cities.vettingnote", "by"): ("profile_id", "reason", "text", "at"),
    ("suggestions.decision", "undone_by"): (
        "suggestion_id",
        "community_id",
        "answer",
        "undone_at",
    ),
    ("suggestions.setasidevote", "by"): ("suggestion_id", "community_id", "because", "at"),
    ("suggestions.setasidevote", "put_back_by"): ("suggestion_id", "community_id", "put_back_at"),
    ("suggestions.setasidevote", "voter"): (
        "suggestion_id",
        "community_id",
        "because",
        "at",
        "put_back_at",
    ),
    ("suggestions.partnerrequest", "by"): ("community_id", "named_id", "note", "asked_at"),
    ("suggestions.partnerrequest", "decided_by"): ("status", "decided_at", "decided_because"),
    ("suggestions.exclusionrule", "lifted_by"): ("lifted_at", "lifted_because"),
    ("suggestions.exclusionrule", "set_by"): ("because", "source", "set_at"),
    ("suggestions.weightset", "promoted_by"): ("source", "promoted_at"),
    ("introductions.introduction", "owner"): ("stage", "due_on"),
    ("introductions.consent", "withdrawn_by"): (
        "introduction_id",
        "community_id",
        "withdrawn_at",
    ),
    ("introductions.agreementversion", "by"): ("agreement_id", "number", "at"),
    ("introductions.signatory", "confirmed_by"): ("agreement_id", "community_id", "confirmed_at"),
    ("introductions.meeting", "fixed_by"): ("introduction_id", "starts_at"),
    ("introductions.meeting", "cancelled_by"): ("introduction_id", "starts_at"),
    ("introductions.activity", "retracted_by"): (
        "partnership_id",
        "community_id",
        "retracted_at",
    ),
}

# The only rows that an export, or a community's trail, names by number: those whose number is in an
# address that the person may open. Other numbers come from sequences that everybody's acts advance,
# so two exports would count what others did in between, such as the other side's answers.
_NUMBERED = frozenset(
    {
        "cities.community",
        "cities.country",
        "cities.profile",
        "suggestions.suggestion",
        "introductions.agreement",
        "introductions.introduction",
        "introductions.partnership",
    }
)
NUMBERED_SUBJECTS = frozenset(label.rpartition(".")[2] for label in _NUMBERED)
# Keys of payloads that hold the number of another row, numbers of rows, or a person's number
_ROW = frozenset({"activity", "document", "meeting", "note", "pair", "run"})
_ROWS = frozenset({"claimed", "dropped"})
_PERSON = frozenset({"owner", "user", "voter"})


def without_numbers(payload: Mapping[str, Any], *, keeps_people: bool) -> dict[str, Any]:
    """What a payload says beside the numbers of rows: of a list of them, how many."""
    left_out = _ROW if keeps_people else _ROW | _PERSON
    return {
        key: len(value) if key in _ROWS else value
        for key, value in payload.items()
        if key not in left_out
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


def _is_exported(model: type[models.Model], field: models.Field[Any, Any]) -> bool:
    """No binary snapshots, no other people, and no numbers but those of ``_NUMBERED``."""
    if _is_left_out(model, field.attname) or isinstance(field, models.BinaryField):
        return False
    if isinstance(field, models.ForeignKey):
        target = field.remote_field.model._meta.label_lower
        return target in _NUMBERED
    return not isinstance(field, models.AutoField | models.BigAutoField)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | uuid.UUID):
        return str(value)
    if isinstance(value, models.fields.files.FieldFile):
        return value.name
    return value


def _row(row: models.Model, columns: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The row's exported columns, or those of them that are named."""
    data = {
        field.attname: _plain(getattr(row, field.attname))
        for field in row._meta.concrete_fields
        if _is_exported(type(row), field) and (columns is None or field.attname in columns)
    }
    if isinstance(row, Event | Notification):
        data["payload"] = without_numbers(row.payload, keeps_people=False)
    if isinstance(row, Event) and row.subject_type not in NUMBERED_SUBJECTS:
        del data["subject_id"]
    return data


@transaction.atomic
def export_data(*, by: User) -> dict[str, Any]:
    """The person's own data as plain JSON: the account, its addresses, sessions and factors, and
    each row that names the person.

    ``records`` maps a table and its column ("cities.communityrole.user") to rows;
    ``outbox.event.by`` holds the person's audit log.
    """
    by = User.objects.get(pk=by.pk)
    record(Topic.DATA_EXPORTED, subject=by, by=by)
    records = {
        f"{model._meta.label_lower}.{field.name}": [
            _row(row, ACT_ALONE.get((model._meta.label_lower, field.name)))
            for row in model._default_manager.filter(**{field.name: by}).order_by("pk")
        ]
        for model, field in references_to_people()
    }
    records["introductions.partnership.why"] = frozen_words_of(by)
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


def export_archive(*, by: User) -> IO[bytes]:
    """The same as a ZIP archive in a file: ``data.json``, and the letters that the person sent.
    Letters may have 10 MB each, so that no more than a piece of one is in memory.
    """
    kept = tempfile.TemporaryFile()  # noqa: SIM115 - the reader closes it
    with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("data.json", json.dumps(export_data(by=by), ensure_ascii=False, indent=2))
        letters = VettingLetter.objects.filter(by=by).order_by("pk")
        for number, letter in enumerate(letters, start=1):
            suffix = letter.file.name.rpartition(".")[2]
            try:
                file = opened(letter.file)
            except Gone as lost:  # the others are theirs all the same
                archive.writestr(f"letters/{number}-lost.txt", lost.message)
                continue
            with file, archive.open(f"letters/{number}.{suffix}", "w") as entry:
                shutil.copyfileobj(file, entry)
    kept.seek(0)
    return kept
