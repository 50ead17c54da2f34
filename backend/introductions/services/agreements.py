"""Agreements that both highest officials signed, and the partnerships that they begin."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TypedDict

from django.db import IntegrityError, transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Membership
from backend.cities.permissions import require_staff
from backend.cities.vocabularies import vocabulary
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields
from backend.common.transitions import change_state
from backend.introductions.models import Agreement, Form, Introduction, Partnership, Signatory
from backend.introductions.services.introducing import lock_introduction
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair


class SignatoryEntry(TypedDict):
    community_id: int
    name: str
    office: str
    is_highest_official: bool
    signed_on: dt.date


def is_recognised(agreement: Agreement) -> bool:
    """Whether the partnership is officially recognised: derived, never stored.

    Both sides signed, each by the highest elected or appointed official, and the listing rule holds: the U.S. side is a
    member in good standing, or a Global Member lists it (domain.md).
    """
    signatories = list(agreement.signatories.all())
    if len(signatories) != 2 or not all(s.is_highest_official for s in signatories):
        return False
    members = set(
        Membership.objects.filter(
            community_id__in=[s.community_id for s in signatories], standing=Membership.Standing.GOOD, ended_on__isnull=True
        ).values_list("community_id", flat=True)
    )
    return bool(members)


def _check(
    introduction: Introduction, form: str, areas: Sequence[str], languages: Sequence[str], term_years: int | None,
    signatories: Sequence[SignatoryEntry], today: dt.date,
) -> None:  # fmt: skip
    errors: dict[str, list[str]] = {}
    if form not in Form.values:
        errors["form"] = [f"Choose one of: {', '.join(Form.values)}."]
    if form == Form.FIXED_TERM and not term_years:
        errors["term_years"] = ["A fixed-term pact needs its term in years."]
    if term_years is not None and not 1 <= term_years <= 99:
        errors["term_years"] = ["Write a term from 1 to 99 years, or leave it open."]
    for name, codes in (("themes", areas), ("languages", languages)):
        wrong = sorted(set(codes) - set(vocabulary(name)))
        if wrong:
            errors["areas" if name == "themes" else name] = [f"Not known: {', '.join(wrong)}."]
    sides = {introduction.pair.a_id, introduction.pair.b_id}
    if len(signatories) != 2 or {entry["community_id"] for entry in signatories} != sides:
        errors["signatories"] = ["Each of the two communities has exactly one signatory."]
    for entry in signatories:
        if not entry["name"].strip() or not entry["office"].strip():
            errors["signatories"] = ["Each signatory needs a name and an office."]
        if entry["signed_on"] > today:
            errors["signed_on"] = ["A signature cannot lie in the future."]
    if errors:
        raise InvalidFields(errors)


@transaction.atomic
def record_agreement(
    *, by: User, introduction_id: int, form: str, areas: Sequence[str], languages: Sequence[str], term_years: int | None,
    review_on: dt.date | None, signatories: Sequence[SignatoryEntry],
) -> Partnership:  # fmt: skip
    """Staff record what both sides signed; the card moves to "agreement" and the partnership begins.

    Raises:
        NotVisible: no curator. InvalidFields. WrongState: the introduction is closed or agreed already.
        Conflict: the two are partners already (code ``partners_already``).
    """
    require_staff(by, "X", Thing.INTRODUCTION)
    introduction = lock_introduction(introduction_id)
    _check(introduction, form, areas, languages, term_years, signatories, database_now().date())
    old = change_state(introduction, "stage", Introduction.Stage.AGREEMENT, INTRODUCTION_TRANSITIONS)
    record(Topic.INTRODUCTION_MOVED, subject=introduction, by=by, old=old, new=introduction.stage)
    agreement = Agreement.objects.create(
        introduction=introduction,
        form=form,
        areas=sorted(set(areas)),
        languages=sorted(set(languages)),
        term_years=term_years,
        review_on=review_on,
        recorded_by=by,
    )
    Signatory.objects.bulk_create(Signatory(agreement=agreement, confirmed_by=by, **entry) for entry in signatories)
    since = max(entry["signed_on"] for entry in signatories)
    try:
        with transaction.atomic():
            partnership = Partnership.objects.create(pair=introduction.pair, agreement=agreement, form=form, since=since)
    except IntegrityError:
        raise Conflict("These two are partners already.", code="partners_already") from None
    Agreement.objects.filter(pk=agreement.pk).update(status=Agreement.Status.IN_FORCE, partnership=partnership, in_force_on=since)
    Pair.objects.filter(pk=introduction.pair_id).update(bar=Pair.Bar.PARTNERS)
    record(Topic.AGREEMENT_RECORDED, subject=agreement, by=by)
    record(Topic.PARTNERSHIP_BEGUN, subject=partnership, by=by)
    return partnership
