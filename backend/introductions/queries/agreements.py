"""Reads of agreements and their templates, as each reader may see them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from backend.accounts.grants import Thing, may
from backend.accounts.models import User
from backend.cities.permissions import actor_kind, communities_with_role, require_staff
from backend.common.errors import NotVisible
from backend.introductions.documents import Change, compare, delivered_text
from backend.introductions.models import (
    Agreement,
    AgreementTemplate,
    AgreementVersion,
    Form,
    SignedDocument,
)

OPEN = (Agreement.Status.DRAFT, Agreement.Status.SIGNING)


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a form's template. Number 0 is the text that the service is delivered with."""

    form: Form
    number: int
    text: str
    by: User | None
    at: dt.datetime | None


def template_versions(user: User | AnonymousUser, form: str) -> list[Template]:
    """All versions of a form's template, the newest first. Raises NotVisible: not staff, or no such
    form.
    """
    require_staff(user, "R", Thing.AGREEMENT)
    if form not in Form.values:
        raise NotVisible
    return _versions_of(Form(form))


def _versions_of(form: Form) -> list[Template]:
    written = AgreementTemplate.objects.filter(form=form).select_related("by").order_by("-number")
    return [
        *(Template(form, t.number, t.text, t.by, t.at) for t in written),
        Template(form, 0, delivered_text(form), None, None),
    ]


def template_in_force(form: str) -> Template:
    """The version from which a new draft begins."""
    return _versions_of(Form(form))[0]


def agreements_for_staff(
    user: User | AnonymousUser, *, open_only: bool = True
) -> QuerySet[Agreement]:
    """Agreements for staff, the newest first. Raises NotVisible for others."""
    require_staff(user, "R", Thing.AGREEMENT)
    found = _with_sides().order_by("-id")
    return found.filter(status__in=OPEN) if open_only else found


def agreements_of(user: User | AnonymousUser, community_id: int) -> QuerySet[Agreement]:
    """A community's agreements once they were put before both sides, the newest first. Raises
    NotVisible.
    """
    if not may(actor_kind(user, community_id), "R", Thing.AGREEMENT):
        raise NotVisible
    sides = Q(introduction__pair__a_id=community_id) | Q(introduction__pair__b_id=community_id)
    return _with_sides().filter(sides, offered_number__isnull=False).order_by("-id")


def _with_sides() -> QuerySet[Agreement]:
    return Agreement.objects.select_related(
        "introduction__pair__a__country",
        "introduction__pair__b__country",
        "partnership",
        "recorded_by",
    ).prefetch_related("signatories__community")


def agreement_for(
    user: User | AnonymousUser, agreement_id: int, *, community_id: int | None = None
) -> tuple[Agreement, int | None]:
    """One agreement and the reader's own side (None for staff). Raises NotVisible.

    Args:
        community_id: the side, for a reader with a role on both; else it is found.
    """
    agreement = _with_sides().filter(pk=agreement_id).first()
    if agreement is None:
        raise NotVisible
    if may(actor_kind(user), "R", Thing.AGREEMENT):
        return agreement, None
    pair = agreement.introduction.pair
    sides = communities_with_role(user) & {pair.a_id, pair.b_id}
    for side in sorted(sides if community_id is None else sides & {community_id}):
        if agreement.offered_number is not None and may(
            actor_kind(user, side), "R", Thing.AGREEMENT
        ):
            return agreement, side
    raise NotVisible


def versions_for(agreement: Agreement, side: int | None) -> QuerySet[AgreementVersion]:
    """The versions that a reader who sees the agreement may read, the newest first: a side up to
    the one put before it, staff all.
    """
    found = agreement.versions.select_related("by").order_by("-number")
    return found if side is None else found.filter(number__lte=agreement.offered_number or 0)


def version_for(agreement: Agreement, side: int | None, number: int) -> AgreementVersion:
    """Raises NotVisible."""
    version = versions_for(agreement, side).filter(number=number).first()
    if version is None:
        raise NotVisible
    return version


def comparison(agreement: Agreement, side: int | None, old: int, new: int) -> list[Change]:
    """What changed from one version to another, in the text as it is read. Raises NotVisible."""
    return compare(version_for(agreement, side, old).body, version_for(agreement, side, new).body)


def document_for(
    user: User | AnonymousUser,
    agreement_id: int,
    document_id: int,
    *,
    community_id: int | None = None,
) -> SignedDocument:
    """One signed document, for whoever may read its agreement. Raises NotVisible."""
    agreement, _side = agreement_for(user, agreement_id, community_id=community_id)
    document = agreement.documents.filter(pk=document_id).first()
    if document is None:
        raise NotVisible
    return document
