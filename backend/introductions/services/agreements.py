"""The signed document, what each side confirms, and the partnership that begins when both have."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.documents import LETTER_LIMIT, SafeLetter, check_letter, too_large
from backend.cities.models import Membership
from backend.cities.permissions import require_in
from backend.common.bounds import longest
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.files import stored
from backend.common.transitions import change_state
from backend.common.typed_text import is_line
from backend.introductions.models import (
    Agreement,
    Introduction,
    Partnership,
    Signatory,
    SignedDocument,
)
from backend.introductions.rationale import freeze_rationale
from backend.introductions.services.locks import lock_agreement, require_one_side_of
from backend.introductions.states import AGREEMENT_TRANSITIONS, INTRODUCTION_TRANSITIONS
from backend.outbox.services import record, require_quota
from backend.outbox.topics import Topic
from backend.suggestions.models import Pair
from backend.suggestions.services.curation import take_back
from backend.suggestions.sides import pair_day

_G = Agreement.Status
MOST_DOCUMENTS = 10  # of one agreement


def is_recognised(agreement: Agreement) -> bool:
    """Whether the partnership is officially recognised: derived, never stored.

    Both sides signed, each by the highest elected or appointed official, and the listing rule
    holds: the U.S. side is a member in good standing, or a Global Member lists it (domain.md). For
    lists: ``queries.recognised``.
    """
    signatories = list(agreement.signatories.all())
    if len(signatories) != 2 or not all(s.is_highest_official for s in signatories):
        return False
    sides = [s.community_id for s in signatories]
    return Membership.objects.filter(
        community_id__in=sides, standing=Membership.Standing.GOOD, ended_on__isnull=True
    ).exists()


def _lock_for_signing(agreement_id: int) -> Agreement:
    """Raises NotVisible, WrongState: it is not before both sides, or the introduction was closed
    meanwhile.
    """
    agreement = lock_agreement(agreement_id)
    if agreement.status != _G.SIGNING or agreement.introduction.stage == Introduction.Stage.CLOSED:
        raise WrongState(
            _(
                "This agreement does not wait for signatures (any more). Reload to see its current "
                "state."
            )
        )
    return agreement


def _require_side(agreement: Agreement, by: User, verb: Verb, community_id: int | None) -> None:
    """Raises NotVisible: neither a person of that side nor, with no side named, staff who may."""
    pair = agreement.introduction.pair
    if community_id is not None and community_id not in (pair.a_id, pair.b_id):
        raise NotVisible
    if community_id is not None and by.is_staff_member:
        raise NotVisible  # staff are nobody's side
    if community_id is not None and agreement.offered_number is None:
        raise NotVisible  # a draft that no side has been shown
    require_in(by, community_id or 0, verb, Resource.SIGNATURE)


def add_document(
    *, by: User, agreement_id: int, community_id: int | None, upload: UploadedFile
) -> SignedDocument:
    """Keeps the signed document under a random name, outside of what the web serves. Checked like a
    vetting letter.

    Args:
        community_id: the sender's side; None for staff.

    Raises:
        NotVisible: neither an official or chair of that side nor a curator. InvalidFields: not what
            may be kept, or one too many.
        WrongState: not before both sides, or a side has confirmed already: what it confirmed must
            not change afterwards.
        TooManyRequests: the quota of a day is reached. TooManyRequests, Unavailable: too many files
            are being read, or the storage fails.
    """
    # Before the file is read, which takes a while and must hold no lock, and afterwards again.
    with transaction.atomic():
        _lock_for_document(by, agreement_id, community_id)
    file = _checked(upload, by)
    kept = SignedDocument(
        community_id=community_id,
        original_name=file.name,
        content_type=file.content_type,
        digest=hashlib.sha256(file.content).hexdigest(),
        by=by,
    )
    with stored(kept.file, file.content, suffix=file.suffix), transaction.atomic():
        kept.agreement = _lock_for_document(by, agreement_id, community_id)
        kept.version_number = kept.agreement.offered_number or 0
        kept.save()
        record(
            Topic.AGREEMENT_DOCUMENT_ADDED,
            subject=kept.agreement,
            by=by,
            community_id=community_id,
            document=kept.pk,
        )
    return kept


def _lock_for_document(by: User, agreement_id: int, community_id: int | None) -> Agreement:
    agreement = lock_agreement(agreement_id)
    _require_side(agreement, by, Verb.CREATE, community_id)
    agreement = _lock_for_signing(agreement_id)
    if agreement.signatories.exists():
        raise WrongState(
            _(
                "A side has confirmed already. It takes its confirmation back before another "
                "document can be sent."
            )
        )
    if agreement.documents.count() >= MOST_DOCUMENTS:
        raise InvalidFields(
            {"document": [_("There are 10 documents already; the newest of them counts.")]}
        )
    require_quota(Topic.AGREEMENT_DOCUMENT_ADDED, by=by, community_id=community_id)
    return agreement


def _checked(upload: UploadedFile, by: User) -> SafeLetter:
    """Raises InvalidFields with the path ``document``."""
    try:
        if (upload.size or 0) > LETTER_LIMIT:
            raise too_large()
        return check_letter(upload.read(), upload.name or "", person=by.pk)
    except InvalidFields as invalid:
        raise InvalidFields(
            {"document": [line for lines in invalid.errors.values() for line in lines]}
        ) from None


@transaction.atomic
def confirm_signature(
    *,
    by: User,
    agreement_id: int,
    community_id: int,
    document_digest: str,
    name: str,
    office: str,
    is_highest_official: bool,
    signed_on: dt.date,
) -> Agreement:
    """One side confirms who signed the document for it, on which day and in which office. The
    second confirmation brings the agreement into force.

    Args:
        document_digest: SHA-256 of the signed document that the side has read, hexadecimal.

    Raises:
        NotVisible: not theirs to confirm; staff never confirm for a side. InvalidFields.
        WrongState: not before both sides, no signed document there yet, or confirmed already.
        DocumentReplaced: another document has been sent since the one that was read.
        Conflict: the two are partners already (code ``partners_already``).
        ActsForOtherSide: see ``require_one_side_of``.
    """
    agreement = lock_agreement(agreement_id)
    _require_side(agreement, by, Verb.ACT, community_id)
    agreement = _lock_for_signing(agreement_id)
    document = newest_document(agreement)
    if document is None:
        raise WrongState(_("Send the signed document first: it is what both sides confirm."))
    if agreement.signatories.filter(community_id=community_id).exists():
        raise WrongState(_("Your side has confirmed already."))
    require_one_side_of(agreement.introduction, by, community_id)
    _check_signature(name, office, signed_on, pair_day(agreement.introduction.pair))
    _require_read(document, document_digest)
    Signatory.objects.create(
        agreement=agreement,
        community_id=community_id,
        document=document,
        name=name.strip(),
        office=office.strip(),
        is_highest_official=is_highest_official,
        signed_on=signed_on,
        confirmed_by=by,
    )
    record(Topic.AGREEMENT_CONFIRMED, subject=agreement, by=by, community_id=community_id)
    if agreement.signatories.count() == 2:
        _bring_into_force(agreement, by)
    return agreement


def newest_document(agreement: Agreement) -> SignedDocument | None:
    """The document that counts: the latest of the version that is before both sides."""
    return (
        agreement.documents.filter(version_number=agreement.offered_number or 0)
        .order_by("-id")
        .first()
    )


class DocumentReplaced(Conflict):
    """The document that a side confirms is not the newest one.

    Attributes:
        read, newest: the two documents, also in ``details`` for the API.
    """

    code = "document_replaced"

    def __init__(self, read: SignedDocument, newest: SignedDocument) -> None:
        super().__init__(
            _(
                "Another signed document has been sent since the one that you read. Read both, "
                "then confirm the newest."
            )
        )
        self.read, self.newest = read, newest
        self.details = {
            name: {
                "id": document.pk,
                "original_name": document.original_name,
                "digest": document.digest,
                "at": document.at.isoformat(),
            }
            for name, document in (("read", read), ("newest", newest))
        }


def _require_read(newest: SignedDocument, digest: str) -> None:
    """Raises DocumentReplaced, or InvalidFields: no document of the agreement has the digest."""
    if digest == newest.digest:
        return
    read = newest.agreement.documents.filter(digest=digest).order_by("-id").first()
    if read is None:
        raise InvalidFields(
            {
                "document_digest": [
                    _("No document of this agreement has this digest. Take it from `documents`.")
                ]
            }
        )
    raise DocumentReplaced(read, newest)


def _check_signature(name: str, office: str, signed_on: dt.date, today: dt.date) -> None:
    errors = {}
    for path, value in (("name", name), ("office", office)):
        if not value.strip() or len(value) > longest(Signatory, path) or not is_line(value):
            errors[path] = [_("Write 1 to 120 characters.")]
    if signed_on > today:
        errors["signed_on"] = [_("A signature cannot lie in the future.")]
    if errors:
        raise InvalidFields(errors)


@transaction.atomic
def withdraw_confirmation(*, by: User, agreement_id: int, community_id: int) -> Agreement:
    """A side takes its confirmation back, as long as the other has not confirmed. Raises
    NotVisible, WrongState.
    """
    agreement = lock_agreement(agreement_id)
    _require_side(agreement, by, Verb.ACT, community_id)
    agreement = _lock_for_signing(agreement_id)
    if not agreement.signatories.filter(community_id=community_id).delete()[0]:
        raise WrongState(_("There is no confirmation of your side to take back."))
    record(
        Topic.AGREEMENT_CONFIRMATION_WITHDRAWN, subject=agreement, by=by, community_id=community_id
    )
    return agreement


def _bring_into_force(agreement: Agreement, by: User) -> None:
    since = max(agreement.signatories.values_list("signed_on", flat=True))
    partnership = agreement.partnership
    begins = partnership is None
    if partnership is None:
        partnership = _begin(agreement, since, by)
    else:
        _carry_on(agreement, partnership)
    change_state(
        agreement,
        "status",
        _G.IN_FORCE,
        AGREEMENT_TRANSITIONS,
        partnership=partnership,
        in_force_on=since,
    )
    record(
        Topic.AGREEMENT_RECORDED,
        subject=agreement,
        by=by,
        carries_on=not begins,
        form=agreement.form,
    )
    if begins:
        record(Topic.PARTNERSHIP_BEGUN, subject=partnership, by=by)


def _begin(agreement: Agreement, since: dt.date, by: User) -> Partnership:
    introduction = agreement.introduction
    old = change_state(
        introduction, "stage", Introduction.Stage.AGREEMENT, INTRODUCTION_TRANSITIONS
    )
    record(Topic.INTRODUCTION_MOVED, subject=introduction, by=by, old=old, new=introduction.stage)
    try:
        with transaction.atomic():
            partnership = Partnership.objects.create(
                pair_id=introduction.pair_id,
                agreement=agreement,
                form=agreement.form,
                since=since,
                review_on=agreement.review_on,
                why=freeze_rationale(agreement),
            )
    except IntegrityError:
        raise Conflict(_("These two are partners already."), code="partners_already") from None
    Pair.objects.filter(pk=introduction.pair_id).update(block_reason=Pair.BlockReason.PARTNERS)
    # One that staff introduced by hand may have been suggested as well
    take_back([introduction.pair_id], by, lambda _suggestion: {"partnership": partnership.pk})
    return partnership


def _carry_on(agreement: Agreement, partnership: Partnership) -> None:
    """The partnership goes on under the new agreement: its beginning, history and reasons stay.
    Raises WrongState: it has ended.
    """
    ended = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    held = Partnership.objects.filter(pk=partnership.pk).exclude(status__in=ended)
    if not held.update(agreement=agreement, form=agreement.form, review_on=agreement.review_on):
        raise WrongState(_("This partnership has ended; a new one begins with a new introduction."))
