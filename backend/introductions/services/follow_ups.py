"""The questions that follow an introduction: asked of both sides at once, and answered by each for
itself.

What a side answers, and whether it does, changes nothing that the other side can see: both are
asked at the same moment, by what both know, and nothing is asked, closed or counted by an answer.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.dates import database_now
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.introductions.models import Introduction
from backend.introductions.queries.introductions import follow_ups, has_occasion
from backend.introductions.services.locks import lock_introduction, require_one_side_of
from backend.outbox.services import record, record_many
from backend.outbox.topics import Topic
from backend.suggestions.models import FollowUp

DAYS_OPEN = 30
_BATCH = 200


def ask_follow_ups() -> int:
    """Asks both sides of each introduction what its occasion has come for, each once; returns how
    many introductions. Safe to run twice, and at once.
    """
    asked = 0
    for occasion in FollowUp.Occasion:
        while found := _ask_some(occasion):
            asked += found
    return asked


def _to_ask(occasion: str) -> QuerySet[Introduction]:
    """Not asked this yet; nor while another question is open: one at a time."""
    asked = FollowUp.objects.filter(
        Q(occasion=occasion) | Q(closes_at__gt=Now()), introduction_id=OuterRef("pk")
    )
    return Introduction.objects.filter(has_occasion(occasion)).exclude(Exists(asked)).order_by("pk")


@transaction.atomic
def _ask_some(occasion: str) -> int:
    locked = _to_ask(occasion).select_for_update(of=("self",), skip_locked=True)[:_BATCH]
    # Read again under the locks: another may have asked, and let go, in between
    found = list(_to_ask(occasion).filter(pk__in=[one.pk for one in locked]).select_related("pair"))
    now = database_now()
    FollowUp.objects.bulk_create(
        FollowUp(
            introduction_id=introduction.pk,
            suggestion_id=introduction.suggestion_id,
            community_id=side,
            occasion=occasion,
            asked_at=now,
            closes_at=now + dt.timedelta(days=DAYS_OPEN),
        )
        for introduction in found
        for side in (introduction.pair.a_id, introduction.pair.b_id)
    )
    record_many(
        Topic.FOLLOW_UP_ASKED,
        [(introduction, None, {"occasion": occasion}) for introduction in found],
        by=None,
    )
    return len(found)


@transaction.atomic
def answer_follow_up(
    *, by: User, introduction_id: int, community_id: int, occasion: str, answer: str
) -> FollowUp:
    """One side's answer, which it may change while the question is open. The same answer again
    changes nothing.

    Raises:
        NotVisible: not asked, or not theirs to answer. InvalidFields: no such answer. WrongState:
            the question is closed. ActsForOtherSide: see ``require_one_side_of``.
    """
    require_in(by, community_id, Verb.ACT, Resource.ANSWER)
    if occasion not in FollowUp.Occasion.values:
        raise NotVisible
    introduction = lock_introduction(introduction_id)
    asked = follow_ups().filter(
        introduction_id=introduction_id, community_id=community_id, occasion=occasion
    )
    found = asked.first()
    if found is None or introduction.stage == Introduction.Stage.TO_INTRODUCE:
        raise NotVisible
    if answer not in FollowUp.Verdict.values:
        raise InvalidFields({"answer": [_("Choose one of the answers.")]})
    if not found.is_open:
        raise WrongState(_("This question is closed; nobody needs an answer any more."))
    require_one_side_of(introduction, by, community_id)
    if found.answer == answer:
        return found
    found.answer, found.answered_at, found.answered_by = answer, database_now(), by
    found.save(update_fields=["answer", "answered_at", "answered_by"])
    record(
        Topic.FOLLOW_UP_ANSWERED,
        subject=introduction,
        by=by,
        community_id=community_id,
        occasion=occasion,
        answer=answer,
    )
    return found
