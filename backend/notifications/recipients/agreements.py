"""Who is told of agreements and of the life of partnerships."""

from __future__ import annotations

from backend.introductions.models import Agreement, Partnership
from backend.notifications.models import Notification
from backend.notifications.recipients.told import to_sides
from backend.outbox.models import Event

_K = Notification.Kind


def partnership_begun(event: Event) -> list[Notification]:
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    return to_sides(event, _K.PARTNERSHIP_BEGUN, partnership.pair, partnership.pk)


def agreement_status_changed(event: Event) -> list[Notification]:
    """Both sides learn that a text waits for their signatures; what staff do before is nobody's
    news.
    """
    if event.payload["new"] != Agreement.Status.SIGNING:
        return []
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    return to_sides(event, _K.AGREEMENT_TO_SIGN, agreement.introduction.pair, agreement.pk)


def agreement_confirmed(event: Event) -> list[Notification]:
    """The side that has not confirmed yet is told; when nobody is left, the beginning of the
    partnership tells.
    """
    agreement = (
        Agreement.objects.select_related("introduction__pair")
        .prefetch_related("signatories")
        .get(pk=event.subject_id)
    )
    confirmed = {signatory.community_id for signatory in agreement.signatories.all()}
    told = to_sides(event, _K.AGREEMENT_CONFIRMED, agreement.introduction.pair, agreement.pk)
    return [notification for notification in told if notification.community_id not in confirmed]


def agreement_recorded(event: Event) -> list[Notification]:
    """Of a first agreement the beginning of the partnership tells; of one that carries it on, this."""
    if not event.payload.get("carries_on"):
        return []
    agreement = Agreement.objects.select_related("introduction__pair").get(pk=event.subject_id)
    return to_sides(
        event,
        _K.PARTNERSHIP_STATE,
        agreement.introduction.pair,
        agreement.partnership_id or 0,
        state="carried_on",
    )


def partnership_status_changed(event: Event) -> list[Notification]:
    """Both sides are told, but for the one whose act it was."""
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    told = to_sides(
        event, _K.PARTNERSHIP_STATE, partnership.pair, partnership.pk, state=event.payload["new"]
    )
    return [
        notification for notification in told if notification.community_id != event.community_id
    ]


def renewal_given(event: Event) -> list[Notification]:
    if event.payload["complete"]:
        return []
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    told = to_sides(event, _K.RENEWAL_ASKED, partnership.pair, partnership.pk)
    return [
        notification for notification in told if notification.community_id != event.community_id
    ]


def report_due(event: Event) -> list[Notification]:
    """Those who have not written theirs yet."""
    partnership = Partnership.objects.select_related("pair").get(pk=event.subject_id)
    year = int(event.payload["year"])
    written = set(partnership.reports.filter(year=year).values_list("community_id", flat=True))
    told = to_sides(event, _K.REPORT_DUE, partnership.pair, partnership.pk, year=year)
    return [notification for notification in told if notification.community_id not in written]
