"""Locks of introductions, agreements and partnerships: changes of one object wait for its row.
Under the lock: nobody acts for both sides.
"""

from __future__ import annotations

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.errors import NotVisible
from backend.introductions.models import (
    Agreement,
    Consent,
    Introduction,
    Partnership,
    Signatory,
    TimeAcceptance,
)
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.sides import acts_on, require_one_side


def lock_introduction(introduction_id: int) -> Introduction:
    """The introduction with its row locked until the transaction ends. Raises NotVisible."""
    found = (
        Introduction.objects.select_for_update(of=("self",))
        .select_related("pair", "suggestion")
        .filter(pk=introduction_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def require_one_side_of(introduction: Introduction, by: User, community_id: int) -> None:
    """For what needs both sides: raises ActsForOtherSide if the person has answered, voted,
    consented, accepted a time or confirmed a signature for the other side of a locked introduction,
    or said there whether it is worth going on: also where a colleague has changed that answer, or
    its author, who may be of the other side alone by now, would learn of the change.
    """
    about = {"subject_type": "introduction", "subject_id": introduction.pk}
    acts = [
        *acts_on(introduction.suggestion_id, by.pk),
        Event.objects.filter(topic=Topic.FOLLOW_UP_ANSWERED, by=by, **about),
        Consent.objects.filter(introduction=introduction, by=by, withdrawn_at__isnull=True),
        TimeAcceptance.objects.filter(time__meeting__introduction=introduction, by=by),
        Signatory.objects.filter(agreement__introduction=introduction, confirmed_by=by),
    ]
    require_one_side(by, introduction.pair, community_id, acts)


def lock_agreement(agreement_id: int) -> Agreement:
    """The agreement with the rows of its introduction and its own locked, in this order. Raises
    NotVisible.
    """
    introduction_id = (
        Agreement.objects.filter(pk=agreement_id).values_list("introduction_id", flat=True).first()
    )
    if introduction_id is None:
        raise NotVisible
    introduction = lock_introduction(introduction_id)
    agreement = Agreement.objects.select_for_update().get(pk=agreement_id)
    agreement.introduction = introduction
    return agreement


def lock_partnership(partnership_id: int) -> Partnership:
    """The partnership with its row locked until the transaction ends. Raises NotVisible."""
    found = (
        Partnership.objects.select_for_update(of=("self",))
        .select_related("pair")
        .filter(pk=partnership_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found


def lock_partnership_as_side(
    partnership_id: int, community_id: int, by: User, verb: Verb, resource: Resource
) -> Partnership:
    """The same for a change by one side. Raises NotVisible: not theirs to do, or no side of it."""
    require_in(by, community_id, verb, resource)
    partnership = lock_partnership(partnership_id)
    if community_id not in (partnership.pair.a_id, partnership.pair.b_id):
        raise NotVisible
    return partnership
