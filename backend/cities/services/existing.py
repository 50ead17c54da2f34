"""Partnerships that a community had before: claimed in its profile, answered by staff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, ExistingPartnership, Place
from backend.cities.names import searched_name
from backend.cities.permissions import require_staff
from backend.cities.profile_schema import document_value
from backend.cities.states import EXISTING_TRANSITIONS
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = ExistingPartnership.State
LONGEST_NOTE = 500


def partnership_key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What makes two rows of a profile one partnership: the country and the partner's name, however
    it is typed.
    """
    name = str(row["name"])
    return str(row["country"]), (searched_name(name) or name.strip().casefold())[:200]


@transaction.atomic
def propose_partnerships(
    community: Community, data: Mapping[str, Any], *, by: User | None
) -> list[ExistingPartnership]:
    """Brings the claims in step with a valid document, inside the transaction that submits or
    publishes it; returns what is claimed anew.

    A row that staff confirmed or refused stays so while its name, country, year, form and status
    stay as they are; a changed row is claimed again. A row that the document no longer names is
    dropped.
    """
    named = {
        partnership_key(row): row for row in document_value(data, "partnerships", "existing") or ()
    }
    known = {(row.country_id, row.name_key): row for row in community.existing_partnerships.all()}
    if not named and not known:
        return []
    wanted_places = [row["place_id"] for row in named.values() if row.get("place_id")]
    places = set(Place.objects.filter(pk__in=wanted_places).values_list("pk", flat=True))
    now = database_now()
    claimed = []
    for key, row in named.items():
        place_id = row.get("place_id")
        facts = {
            "name": row["name"], "place_id": place_id if place_id in places else None, "year": row.get("year"),
            "form": row.get("form", ""), "status": row.get("status", "unknown"),
        }  # fmt: skip
        old = known.pop(key, None)
        if (
            old is not None
            and old.state != _S.DROPPED
            and all(getattr(old, name) == value for name, value in facts.items())
        ):
            continue
        anew = {
            **facts,
            "state": _S.CLAIMED,
            "claimed_by": by,
            "claimed_at": now,
            "answered_by": None,
            "answered_at": None,
            "note": "",
        }
        claim, _made = ExistingPartnership.objects.update_or_create(
            community=community, country_id=key[0], name_key=key[1], defaults=anew
        )
        claimed.append(claim)
    gone = [row.pk for row in known.values() if row.state != _S.DROPPED]
    ExistingPartnership.objects.filter(pk__in=gone).update(state=_S.DROPPED)
    if claimed or gone:
        ids = {"claimed": [row.pk for row in claimed], "dropped": gone}
        record(
            Topic.EXISTING_PARTNERSHIPS_CLAIMED,
            subject=community,
            by=by,
            community_id=community.pk,
            **ids,
        )
    return claimed


@transaction.atomic
def answer_partnership(
    *, by: User, partnership_id: int, answer: str, note: str = ""
) -> ExistingPartnership:
    """A curator confirms or refuses a claimed partnership; a refusal says why, for its owners to
    read.

    Raises:
        NotVisible: no curator, or no such row. InvalidFields: another answer, or a refusal without
            words. WrongState: not in that state.
    """
    require_staff(by, "X", Thing.CURATION)
    errors = {}
    if answer not in (_S.CONFIRMED, _S.REFUSED):
        errors["answer"] = [_("Confirm or refuse it.")]
    if len(note) > LONGEST_NOTE or "\x00" in note or (answer == _S.REFUSED and not note.strip()):
        errors["note"] = [
            _("Say in 1 to 500 characters why it is not confirmed; its owners read this.")
        ]
    if errors:
        raise InvalidFields(errors)
    row = (
        ExistingPartnership.objects.select_for_update(of=("self",))
        .select_related("country")
        .filter(pk=partnership_id)
        .first()
    )
    if row is None:
        raise NotVisible
    old = change_state(
        row,
        "state",
        answer,
        EXISTING_TRANSITIONS,
        answered_by=by,
        answered_at=database_now(),
        note=note.strip(),
    )
    record(
        Topic.EXISTING_PARTNERSHIP_ANSWERED,
        subject=row,
        by=by,
        community_id=row.community_id,
        old=old,
        new=answer,
    )
    return row
