"""The rule that binds a community's answer, and the votes that it counts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.grants import Resource, Verb, roles_that_may
from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile
from backend.cities.permissions import Reader, require_staff
from backend.common.dates import database_now
from backend.common.errors import NotVisible
from backend.suggestions.models import (
    AnswerRule,
    Decision,
    SetAsideVote,
    ShortlistEntry,
    Suggestion,
    Vote,
)
from backend.suggestions.queries import (
    GONE,
    SuggestionForSide,
    seen_from,
    suggestion_for,
    suggestions_of_community,
)
from backend.suggestions.sides import with_other_community, with_own_side


@dataclass(frozen=True, slots=True)
class Tally:
    """How a side's people voted; only votes of those who belong to it now, and none set aside."""

    yes: int = 0
    maybe: int = 0
    no: int = 0

    @property
    def votes(self) -> int:
        return self.yes + self.maybe + self.no

    @property
    def is_for(self) -> bool:
        """More than half of those who voted said yes."""
        return 2 * self.yes > self.votes


def voters(community_id: int) -> set[int]:
    """Ids of those who may vote there: confirmed people with an active role that may."""
    roles = CommunityRole.objects.filter(
        community_id=community_id,
        role__in=roles_that_may(Verb.CREATE, Resource.REVIEW),
        ended_at__isnull=True,
        vetted_at__isnull=False,
        user__is_active=True,
    )
    return set(roles.values_list("user_id", flat=True))


def votes_on(suggestion_ids: Iterable[int], community_id: int | None = None) -> list[Vote]:
    """The votes on these suggestions, of one community or of both sides, each with ``set_aside``;
    in two queries.
    """
    fields: dict[str, Any] = {"suggestion__in": list(suggestion_ids)}
    if community_id is not None:
        fields["community"] = community_id
    votes = Vote.objects.filter(**fields).select_related("by", "community")
    aside = {
        (row.suggestion_id, row.community_id, row.voter_id): row
        for row in SetAsideVote.objects.filter(put_back_at__isnull=True, **fields).select_related(
            "by"
        )
    }
    found = list(votes.order_by("community_id", "voted_at", "pk"))
    for vote in found:
        vote.set_aside = aside.get((vote.suggestion_id, vote.community_id, vote.by_id))
    return found


def count_votes(votes: list[Vote], eligible: set[int]) -> Tally:
    given = [vote.choice for vote in votes if vote.by_id in eligible and vote.set_aside is None]
    return Tally(
        *(given.count(choice) for choice in (Vote.Choice.YES, Vote.Choice.MAYBE, Vote.Choice.NO))
    )


def rule_of(community_id: int) -> AnswerRule:
    """The community's rule; an unsaved one, "the chair decides", where it has set none."""
    return AnswerRule.objects.filter(pk=community_id).first() or AnswerRule(
        community_id=community_id, kind=AnswerRule.Kind.CHAIR
    )


def objection_to(answer: str, rule: AnswerRule, tally: Tally) -> str:
    """Why the rule does not allow this answer after these votes, in words; empty where it does.

    An interest may be withdrawn without a vote. A majority is more than half of all votes, those of
    "maybe" counted.
    """
    if (
        answer == Decision.Answer.WITHDRAWN
        or rule.kind == AnswerRule.Kind.CHAIR
        or rule.votes_needed is None
    ):
        return ""
    missing = rule.votes_needed - tally.votes
    if missing > 0:
        words = ngettext(
            "Your rule asks for votes before an answer: %(count)d more is needed.",
            "Your rule asks for votes before an answer: %(count)d more are needed.",
            missing,
        )
        return words % {"count": missing}
    if (answer == Decision.Answer.INTERESTED) == tally.is_for:
        return ""
    if tally.is_for:
        return _("By your rule the answer follows the vote, and the majority has voted for it.")
    return _("By your rule the answer follows the vote, and no majority has voted for it.")


_A = Suggestion.SideState
NEW_DAYS = 14
SHOWN = ("all", "awaiting_me", "new", "shortlist", "answered")
MOST_COMPARED = 4


@dataclass(frozen=True, slots=True)
class Review:
    """A suggestion as its side discusses it. ``votes`` are those whose comments may be read."""

    suggestion_id: int
    tally: Tally
    own_vote: Vote | None
    votes: list[Vote] = field(default_factory=list)
    is_shortlisted: bool = False
    may_vote: bool = False
    reads_all: bool = False
    may_set_aside: bool = False
    rule: AnswerRule | None = None

    def objection_to(self, answer: str) -> str:
        """Why the community's rule does not allow this answer yet; empty where it does."""
        return objection_to(answer, self.rule, self.tally) if self.rule is not None else ""


def of_other(reader: Reader, **fields: object) -> Q:
    """A condition on the other community of a pair; lookups begin at the community."""
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    return with_other_community(community_id, **fields)


def shown_in(reader: Reader, shown: str, now: dt.datetime) -> Q:
    """The condition for one part of the queue, one of SHOWN."""
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    seeks = ~Exists(Profile.objects.filter(community_id=community_id, status__in=GONE))
    open_to_us = (
        with_own_side(community_id, state=_A.PENDING)
        & (Q(expires_at__gt=now) | Q(expires_at__isnull=True))
        & Q(seeks)
    )
    if shown == "awaiting_me":
        voted = Exists(
            Vote.objects.filter(
                suggestion=OuterRef("pk"), community_id=community_id, by=reader.user.pk
            )
        )
        answers = reader.may(Verb.ACT, Resource.ANSWER)
        return open_to_us if answers else open_to_us & Q(~voted)
    if shown == "new":
        return open_to_us & Q(released_at__gt=now - dt.timedelta(days=NEW_DAYS))
    if shown == "shortlist":
        return Q(
            Exists(
                ShortlistEntry.objects.filter(suggestion=OuterRef("pk"), community_id=community_id)
            )
        )
    if shown == "answered":
        return ~with_own_side(community_id, state=_A.PENDING)
    return Q()


def queue(reader: Reader) -> QuerySet[Suggestion]:
    """The community's suggestions in the one order of ``in_order``: rows to be shown through
    ``seen_from`` alone. Raises NotVisible for people without a role there.
    """
    return suggestions_of_community(reader.require(Verb.READ, Resource.SUGGESTION))


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many suggestions each filter would show; countries as (code, name, count)."""

    shown: dict[str, int]
    countries: list[tuple[str, str, int]]


def queue_counts(reader: Reader) -> QueueCounts:
    """Counts over the whole queue in one query, of what the side knows. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    now = database_now()
    parts = [shown for shown in SHOWN if shown != "all"]
    rows = queue(reader).order_by().select_related(None)
    found = rows.values_list(
        "pair__a_id",
        "pair__a__country_id",
        "pair__a__country__name",
        "pair__b__country_id",
        "pair__b__country__name",
        *(Case(When(shown_in(reader, shown, now), then=True), default=False) for shown in parts),
    )
    counts = dict.fromkeys(SHOWN, 0)
    countries: dict[tuple[str, str], int] = defaultdict(int)
    for a_id, a_code, a_name, b_code, b_name, *is_in in found:
        countries[(b_code, b_name) if a_id == community_id else (a_code, a_name)] += 1
        counts["all"] += 1
        for shown, holds in zip(parts, is_in, strict=True):
            counts[shown] += holds
    named = sorted((name, code, count) for (code, name), count in countries.items())
    return QueueCounts(counts, [(code, name, count) for name, code, count in named])


def reviews_of(reader: Reader, views: Sequence[SuggestionForSide]) -> dict[int, Review]:
    """The reviews of these suggestions by id, in five queries however many they are. Raises
    NotVisible.

    Who answers for the community reads every comment; others the tally, and the comments of others
    once they have voted or nobody can vote any more.
    """
    community_id = reader.require(Verb.READ, Resource.REVIEW)
    leads = reader.may(Verb.ACT, Resource.REVIEW)
    ids = [view.suggestion_id for view in views]
    votes: dict[int, list[Vote]] = defaultdict(list)
    for vote in votes_on(ids, community_id):
        votes[vote.suggestion_id].append(vote)
    eligible, rule = voters(community_id), rule_of(community_id)
    listed = set(
        ShortlistEntry.objects.filter(suggestion__in=ids, community_id=community_id).values_list(
            "suggestion_id", flat=True
        )
    )
    reviews = {}
    for view in views:
        given = votes[view.suggestion_id]
        own = next((vote for vote in given if vote.by_id == reader.user.pk), None)
        reads_all = leads or own is not None or not view.can_answer
        reviews[view.suggestion_id] = Review(
            suggestion_id=view.suggestion_id,
            tally=count_votes(given, eligible),
            own_vote=own,
            votes=given if reads_all else [],
            is_shortlisted=view.suggestion_id in listed,
            may_vote=reader.may(Verb.CREATE, Resource.REVIEW) and view.can_answer,
            reads_all=reads_all,
            may_set_aside=leads and view.can_answer,
            rule=rule,
        )
    return reviews


def compared(reader: Reader, suggestion_ids: Iterable[int]) -> list[SuggestionForSide]:
    """Those of the community's suggestions, in the order of its list. Raises NotVisible if one is
    missing, and Gone if one is taken back.
    """
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    wanted = list(dict.fromkeys(suggestion_ids))
    now = database_now()
    found = {
        row.pk: seen_from(row, community_id, now=now) for row in queue(reader).filter(pk__in=wanted)
    }
    for missing in (pk for pk in wanted if pk not in found):
        suggestion_for(reader, missing)  # raises what is true of it
        raise NotVisible
    return list(found.values())


def votes_for_staff(user: User | AnonymousUser, suggestion_id: int) -> list[Vote]:
    """Every vote of both sides with its comment, for curators. Raises NotVisible for others."""
    require_staff(user, Verb.READ, Resource.REVIEW)
    return votes_on([suggestion_id])
