"""Reads of agreements and their templates, as each reader may see them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import Reader, require_staff
from backend.common.errors import NotVisible
from backend.introductions.documents import Change, compare, delivered_text
from backend.introductions.models import (
    Agreement,
    AgreementTemplate,
    AgreementType,
    AgreementVersion,
    SignedDocument,
)

OPEN = (Agreement.Status.DRAFT, Agreement.Status.SIGNING)


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a form's template. Number 0 is the text that the service is delivered with."""

    form: AgreementType
    number: int
    text: str
    by: User | None
    at: dt.datetime | None


def template_versions(user: User | AnonymousUser, form: str) -> list[Template]:
    """All versions of a form's template, the newest first. Raises NotVisible: not staff, or no such
    form.
    """
    require_staff(user, Verb.READ, Resource.AGREEMENT)
    if form not in AgreementType.values:
        raise NotVisible
    return _versions_of(AgreementType(form))


def _versions_of(form: AgreementType) -> list[Template]:
    written = AgreementTemplate.objects.filter(form=form).select_related("by").order_by("-number")
    return [
        *(Template(form, t.number, t.text, t.by, t.at) for t in written),
        Template(form, 0, delivered_text(form), None, None),
    ]


def template_in_force(form: str) -> Template:
    """The version from which a new draft begins."""
    return _versions_of(AgreementType(form))[0]


def agreements_for_staff(user: User | AnonymousUser) -> QuerySet[Agreement]:
    """Agreements for staff, the newest first. Raises NotVisible for others."""
    require_staff(user, Verb.READ, Resource.AGREEMENT)
    return _with_sides().order_by("-id")


def agreements_of(reader: Reader) -> QuerySet[Agreement]:
    """A community's agreements once they were put before both sides, the newest first. Raises
    NotVisible.
    """
    community_id = reader.require(Verb.READ, Resource.AGREEMENT)
    sides = Q(introduction__pair__a_id=community_id) | Q(introduction__pair__b_id=community_id)
    return _with_sides().filter(sides, offered_number__isnull=False).order_by("-id")


def _with_sides() -> QuerySet[Agreement]:
    return Agreement.objects.select_related(
        "introduction__pair__a__country",
        "introduction__pair__b__country",
        "partnership",
        "recorded_by",
    ).prefetch_related("signatories__community")


def agreement_for(reader: Reader, agreement_id: int) -> tuple[Agreement, Reader]:
    """One agreement and its reader on their own side (``community_id`` None for staff). Raises
    NotVisible.
    """
    agreement = _with_sides().filter(pk=agreement_id).first()
    if agreement is None:
        raise NotVisible
    pair = agreement.introduction.pair
    reader = reader.on_side((pair.a_id, pair.b_id), Verb.READ, Resource.AGREEMENT)
    if agreement.offered_number is None and not reader.is_staff:
        raise NotVisible
    return agreement, reader


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


def document_for(reader: Reader, agreement_id: int, document_id: int) -> SignedDocument:
    """One signed document, for those who may read its agreement. Raises NotVisible."""
    agreement, _reader = agreement_for(reader, agreement_id)
    document = agreement.documents.filter(pk=document_id).first()
    if document is None:
        raise NotVisible
    return document
