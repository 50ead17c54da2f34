"""Drafts of agreements: staff begin one from a template, write versions, and offer one to both
sides for signature. Templates have versions too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.permissions import require_staff
from backend.cities.profile_schema import document_value
from backend.cities.vocabularies import vocabulary
from backend.common.bounds import longest
from backend.common.errors import Conflict, InvalidFields, WrongState
from backend.common.transitions import change_state
from backend.common.typed_text import is_line
from backend.introductions.documents import ExpectedSignatory, Terms, check_text, fill
from backend.introductions.models import (
    Agreement,
    AgreementTemplate,
    AgreementType,
    AgreementVersion,
    Introduction,
    Partnership,
    Signatory,
)
from backend.introductions.queries.agreements import template_in_force
from backend.introductions.services.locks import lock_agreement, lock_introduction
from backend.introductions.states import AGREEMENT_TRANSITIONS
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair

_G = Agreement.Status
_FIRST_TERM = {AgreementType.FIXED_TERM: 3}
LONGEST_TERM = 99  # years


@transaction.atomic
def begin_draft(*, by: User, introduction_id: int, form: str) -> Agreement:
    """Staff begin a draft from the form's template, filled as far as both profiles say. Its first
    version is there at once.

    Where the two are partners already, the agreement will carry their partnership on: a friendship
    may so become a sister city.

    Raises:
        NotVisible: no curator, or no such introduction. InvalidFields: no such form. Conflict: a
            draft is open already.
        WrongState: not introduced yet, closed, or the partnership has ended.
    """
    require_staff(by, Verb.CREATE, Resource.AGREEMENT)
    if form not in AgreementType.values:
        raise InvalidFields({"form": [_("Choose one of the forms.")]})
    introduction = lock_introduction(introduction_id)
    partnership = _carried_on(introduction)
    pair = Pair.objects.select_related("a__country", "b__country").get(pk=introduction.pair_id)
    template = template_in_force(form)
    terms = Terms(
        form=form,
        areas=[],
        languages=[],
        term_years=_FIRST_TERM.get(AgreementType(form)),
        review_on=None,
        signatories=[_official_of(community) for community in (pair.a, pair.b)],
    )
    try:
        with transaction.atomic():
            agreement = Agreement.objects.create(
                introduction=introduction,
                partnership=partnership,
                form=form,
                term_years=terms["term_years"],
                recorded_by=by,
            )
    except IntegrityError:
        raise Conflict(
            _("A draft of these two is open already; go on with that one."), code="draft_open"
        ) from None
    _add_version(agreement, by, 1, template.number, terms, template.text, pair)
    return agreement


def _carried_on(introduction: Introduction) -> Partnership | None:
    """The partnership that a further agreement of the introduction is for; None for the first one.
    Raises WrongState.
    """
    if introduction.stage in (Introduction.Stage.TO_INTRODUCE, Introduction.Stage.CLOSED):
        raise WrongState(
            _(
                "An agreement is drafted once the two are introduced, and until the introduction "
                "is closed."
            )
        )
    if introduction.stage != Introduction.Stage.AGREEMENT:
        return None
    ended = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    partnership = (
        Partnership.objects.exclude(status__in=ended)
        .filter(agreement__introduction=introduction)
        .first()
    )
    if partnership is None:
        raise WrongState(_("This partnership has ended; a new one begins with a new introduction."))
    return partnership


def _official_of(community: Community) -> ExpectedSignatory:
    """Who signs for a community, as far as its published profile says."""
    profile = getattr(community, "profile", None)
    data = profile.current_version.data if profile and profile.current_version else {}
    said = {
        name: document_value(data, "authority", f"highest_official_{name}") or ""
        for name in ("name", "office")
    }
    return ExpectedSignatory(
        community_id=community.pk,
        name=str(said["name"])[: longest(Signatory, "name")],
        office=str(said["office"])[: longest(Signatory, "office")],
    )


def _add_version(
    agreement: Agreement, by: User, number: int, template: int, terms: Terms, text: str, pair: Pair
) -> AgreementVersion:
    version = AgreementVersion.objects.create(
        agreement=agreement,
        number=number,
        template_number=template,
        terms=terms,
        text=text,
        body=fill(text, terms, pair),
        by=by,
    )
    record(
        Topic.AGREEMENT_VERSION_SAVED, subject=agreement, by=by, number=number, form=terms["form"]
    )
    return version


@transaction.atomic
def save_version(
    *,
    by: User,
    agreement_id: int,
    based_on: int,
    form: str,
    areas: Sequence[str],
    languages: Sequence[str],
    term_years: int | None,
    review_on: dt.date | None,
    signatories: Sequence[ExpectedSignatory],
    text: str,
) -> AgreementVersion:
    """Staff write a further version of a draft. What the sides have read before stays as it was.

    Args:
        based_on: the number of the version that the editor began from.

    Raises:
        NotVisible: no curator. InvalidFields. WrongState: not a draft (any more). Conflict:
            somebody saved in the meantime.
    """
    require_staff(by, Verb.UPDATE, Resource.AGREEMENT)
    agreement = lock_agreement(agreement_id)
    if agreement.status != _G.DRAFT:
        raise WrongState(_("Only a draft can be written; take it back from the two sides first."))
    latest = agreement.versions.latest("number")
    if based_on != latest.number:
        raise Conflict(
            _(
                "Somebody else saved a version in the meantime. Open it again and bring in your "
                "changes."
            )
        )
    pair = Pair.objects.select_related("a__country", "b__country").get(
        pk=agreement.introduction.pair_id
    )
    terms = _checked_terms(pair, form, areas, languages, term_years, review_on, signatories)
    plain = check_text(text)
    version = _add_version(
        agreement, by, latest.number + 1, latest.template_number, terms, plain, pair
    )
    Agreement.objects.filter(pk=agreement.pk).update(
        form=form,
        areas=terms["areas"],
        languages=terms["languages"],
        term_years=term_years,
        review_on=review_on,
    )
    return version


def _checked_terms(
    pair: Pair,
    form: str,
    areas: Sequence[str],
    languages: Sequence[str],
    term_years: int | None,
    review_on: dt.date | None,
    signatories: Sequence[ExpectedSignatory],
) -> Terms:
    """The terms as they are stored. They may still be incomplete, never wrong. Raises
    InvalidFields.
    """
    errors: dict[str, list[str]] = {}
    if form not in AgreementType.values:
        errors["form"] = [_("Choose one of the forms.")]
    if form == AgreementType.FIXED_TERM and not term_years:
        errors["term_years"] = [_("A fixed-term pact needs its term in years.")]
    if term_years is not None and not 1 <= term_years <= LONGEST_TERM:
        errors["term_years"] = [_("Write a term from 1 to 99 years, or leave it open.")]
    for path, name, codes in (("areas", "themes", areas), ("languages", "languages", languages)):
        wrong = sorted(set(codes) - set(vocabulary(name)))
        if wrong:
            errors[path] = [_("Not known: %(codes)s.") % {"codes": ", ".join(wrong)}]
    if sorted(entry["community_id"] for entry in signatories) != [pair.a_id, pair.b_id]:
        errors["signatories"] = [_("Each of the two communities has exactly one signatory.")]
    if any(
        len(entry[name]) > longest(Signatory, name) or not is_line(entry[name])
        for entry in signatories
        for name in ("name", "office")
    ):
        errors["signatories"] = [
            _("A signatory's name and office have at most 120 characters each.")
        ]
    if errors:
        raise InvalidFields(errors)
    expected = [
        ExpectedSignatory(
            community_id=entry["community_id"],
            name=entry["name"].strip(),
            office=entry["office"].strip(),
        )
        for entry in sorted(signatories, key=lambda entry: entry["community_id"])
    ]
    return Terms(
        form=form,
        areas=list(dict.fromkeys(areas)),
        languages=list(dict.fromkeys(languages)),
        term_years=term_years,
        review_on=review_on.isoformat() if review_on else None,
        signatories=expected,
    )


@transaction.atomic
def offer_agreement(*, by: User, agreement_id: int) -> Agreement:
    """Staff put the latest version before both sides: from now on they read it, sign it on paper,
    and confirm.

    Raises:
        NotVisible: no curator. WrongState: not a draft, or the introduction is closed.
            InvalidFields: something still has to be said first.
    """
    require_staff(by, Verb.ACT, Resource.AGREEMENT)
    agreement = lock_agreement(agreement_id)
    _carried_on(agreement.introduction)
    latest = agreement.versions.latest("number")
    _require_complete(latest.terms)
    old = change_state(
        agreement, "status", _G.SIGNING, AGREEMENT_TRANSITIONS, offered_number=latest.number
    )
    record(
        Topic.AGREEMENT_STATUS_CHANGED,
        subject=agreement,
        by=by,
        old=old,
        new=_G.SIGNING.value,
        number=latest.number,
    )
    return agreement


def _require_complete(terms: Terms) -> None:
    missing: dict[str, list[str]] = {}
    if not terms["areas"]:
        missing["areas"] = [_("Choose at least one area of cooperation.")]
    if not terms["languages"]:
        missing["languages"] = [_("Choose at least one language of the text.")]
    if not terms["review_on"]:
        missing["review_on"] = [_("Enter the review date.")]
    if any(not entry["name"] or not entry["office"] for entry in terms["signatories"]):
        missing["signatories"] = [_("Each signatory needs a name and an office.")]
    if missing:
        raise InvalidFields(missing)


@transaction.atomic
def reopen_agreement(*, by: User, agreement_id: int) -> Agreement:
    """Staff take an agreement back from both sides to write on. Confirmations are withdrawn: they
    were for another text.

    Raises:
        NotVisible: no curator. WrongState: not before both sides (any more).
    """
    require_staff(by, Verb.ACT, Resource.AGREEMENT)
    return _leave_signing(agreement_id, by, _G.DRAFT)


@transaction.atomic
def give_up_agreement(*, by: User, agreement_id: int) -> Agreement:
    """Staff give an agreement up before it came into force; its versions stay. Raises NotVisible,
    WrongState.
    """
    require_staff(by, Verb.ACT, Resource.AGREEMENT)
    return _leave_signing(agreement_id, by, _G.WITHDRAWN)


def _leave_signing(agreement_id: int, by: User, new: Agreement.Status) -> Agreement:
    agreement = lock_agreement(agreement_id)
    old = change_state(agreement, "status", new, AGREEMENT_TRANSITIONS)
    for signatory in agreement.signatories.all():
        record(
            Topic.AGREEMENT_CONFIRMATION_WITHDRAWN,
            subject=agreement,
            by=by,
            community_id=signatory.community_id,
        )
    agreement.signatories.all().delete()
    record(Topic.AGREEMENT_STATUS_CHANGED, subject=agreement, by=by, old=old, new=new.value)
    return agreement


# Templates of agreements: staff write a further version, nobody changes one.


@transaction.atomic
def save_template(*, by: User, form: str, text: str, based_on: int) -> AgreementTemplate:
    """A further version of a form's template; new drafts begin from it, older ones keep theirs.

    Args:
        based_on: the number of the version that the editor began from; 0 is the delivered text.

    Raises:
        NotVisible: no curator. InvalidFields: no such form, or a text that cannot be taken.
            Conflict: somebody saved in the meantime.
    """
    require_staff(by, Verb.UPDATE, Resource.AGREEMENT)
    if form not in AgreementType.values:
        raise InvalidFields({"form": [_("Choose one of the forms.")]})
    latest = (
        AgreementTemplate.objects.filter(form=form)
        .order_by("-number")
        .values_list("number", flat=True)
        .first()
        or 0
    )
    plain = check_text(text)
    changed = Conflict(
        _(
            "Somebody else saved this template in the meantime. Open it again and bring in your "
            "changes."
        )
    )
    if based_on != latest:
        raise changed
    try:
        with transaction.atomic():
            template = AgreementTemplate.objects.create(
                form=form, number=latest + 1, text=plain, by=by
            )
    except IntegrityError:
        raise changed from None
    record(
        Topic.AGREEMENT_TEMPLATE_SAVED, subject=template, by=by, form=form, number=template.number
    )
    return template
