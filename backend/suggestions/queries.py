"""What each reader may see: before mutual interest nothing that depends on the other side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.permissions import Reader, require_staff
from backend.common.dates import database_now
from backend.common.errors import Gone, NotVisible
from backend.suggestions.models import ScoringRun, Suggestion
from backend.suggestions.sides import Fit, SuggestionSide, side_of, with_other_community

_S = Suggestion.Status
_A = Suggestion.SideState
_ADVANCED = (_S.MUTUAL, _S.INTRODUCED)
# Communities that no longer seek a partner: their public pages say so, hence a suggestion may too.
GONE = (Profile.Status.WITHDRAWN, Profile.Status.FULFILLED)


@dataclass(frozen=True, slots=True)
class SuggestionForSide:
    """One suggestion as one side sees it.

    ``status_for_side``: open (yours to answer) | waiting (you are interested) | declined |
    withdrawn (by you) | mutual | introduced | ended (mutual, and its introduction is closed) |
    closed (the time ran out) | not_seeking (the own community seeks no partner now) | taken_back
    (it was released, and is offered to neither side any more).
    """

    suggestion_id: int
    own_fit: Fit
    other_fit: Fit
    status_for_side: str
    score: float
    released_at: dt.datetime | None
    expires_at: dt.datetime | None
    undo_until: dt.datetime | None = None  # until when the side's own last answer can be undone

    @property
    def own(self) -> Community:
        return self.own_fit.community

    @property
    def other(self) -> Community:
        return self.other_fit.community

    @property
    def can_answer(self) -> bool:
        return self.status_for_side == "open"


def status_for_side(side: SuggestionSide, now: dt.datetime) -> str:
    """The status for a side: from its own answer, the clock and mutual interest alone."""
    suggestion, own = side.suggestion, side.state
    if suggestion.status in _ADVANCED:
        return suggestion.status
    if (
        suggestion.status == _S.WITHDRAWN
        and suggestion.a_state == suggestion.b_state == _A.INTERESTED
    ):
        # After mutual interest, which both know of: while blind, one of the two states is another
        return "ended"
    if own in (_A.DECLINED, _A.WITHDRAWN):
        return own
    if own == _A.EXPIRED or (suggestion.expires_at and suggestion.expires_at <= now):
        return "closed"
    return "waiting" if own == _A.INTERESTED else "open"


def is_taken_back(side: SuggestionSide) -> bool:
    """Whether the side could see it before, and it is offered to neither side any more: staff hold
    it, the two are partners already, a rule or something newer took its place, or the other
    community seeks no longer.

    Nothing here depends on an answer, and nothing tells these causes apart.
    """
    suggestion = side.suggestion
    if suggestion.released_at is None or suggestion.status in _ADVANCED:
        return False
    if suggestion.status not in Suggestion.VISIBLE:
        return True
    return side.other.community.profile.status in GONE


def require_offered(suggestion: Suggestion, community_id: int) -> SuggestionSide:
    """The community's side of what is offered to it.

    Raises:
        NotVisible: it was never released to them. Gone: it is taken back.
    """
    side = side_of(suggestion, community_id)
    if is_taken_back(side):
        raise Gone(
            _(
                "This suggestion is no longer offered and cannot be answered: staff withdrew it, "
                "the two are partners already, something newer took its place, or a community no "
                "longer seeks a partner. What your community wrote here is kept."
            )
        )
    if suggestion.status not in Suggestion.VISIBLE:
        raise NotVisible
    return side


def _view(suggestion: Suggestion, community_id: int, now: dt.datetime) -> SuggestionForSide:
    own = side_of(suggestion, community_id)
    final_at, status = own.final_at, status_for_side(own, now)
    if is_taken_back(own):
        status = "taken_back"
    if status in ("open", "waiting") and own.community.profile.status in GONE:
        status = "not_seeking"
    undoable = (
        final_at is not None and final_at > now and status in ("waiting", "declined", "withdrawn")
    )
    return SuggestionForSide(
        suggestion_id=suggestion.pk,
        own_fit=own.fit,
        other_fit=own.other.fit,
        status_for_side=status,
        score=suggestion.score,
        released_at=suggestion.released_at,
        expires_at=suggestion.expires_at,
        undo_until=final_at if undoable else None,
    )


def _with_communities(suggestions: QuerySet[Suggestion]) -> QuerySet[Suggestion]:
    return suggestions.select_related(
        "pair__a__country",
        "pair__b__country",
        "pair__a__profile__current_version",
        "pair__b__profile__current_version",
        "pair__a__place",
        "pair__b__place",
    )


def suggestions_of_community(community_id: int) -> QuerySet[Suggestion]:
    """Visible suggestions in the order of ``in_order``."""
    return in_order(_with_communities(_seen_by(community_id)), community_id)


ORDERS: Mapping[str, tuple[str, ...]] = {
    "fit": ("-is_mutual", "own_place"),
    "needs": ("-own_needs_met",),
    "freshness": ("-other_confirmed_at",),
}
_LAST = 2**31 - 1  # the place of a suggestion that was made before places were kept


def in_order(
    rows: QuerySet[Suggestion], community_id: int, order: str = "fit"
) -> QuerySet[Suggestion]:
    """A side's suggestions in one of ORDERS. ``fit`` is the one order that list, mail, API and
    comparison share: mutual interest first, then by the other's place among the side's own
    candidates. ``needs``: by how many of the side's needs the other meets. ``freshness``: by when
    the other's profile was last confirmed.

    Places and needs were kept when the suggestion was made. No order depends on an answer that the
    side cannot know of.
    """

    def by_side(a: F | Cast, b: F | Cast) -> Case:
        return Case(When(pair__a_id=community_id, then=a), default=b)

    needs_met = (
        Cast(KeyTextTransform("needs_met", f"{side}_reasons"), IntegerField()) for side in "ab"
    )
    rows = rows.annotate(
        is_mutual=Case(When(status__in=_ADVANCED, then=Value(1)), default=Value(0)),
        own_place=Coalesce(by_side(F("a_rank"), F("b_rank")), Value(_LAST)),
        own_needs_met=Coalesce(by_side(*needs_met), Value(0)),
        other_confirmed_at=by_side(
            F("pair__b__profile__confirmed_at"), F("pair__a__profile__confirmed_at")
        ),
    )
    return rows.order_by(*dict.fromkeys((*ORDERS[order], *ORDERS["fit"])), "-score", "id")


def _seen_by(community_id: int) -> QuerySet[Suggestion]:
    """What was released to the side, except partners that no longer seek anybody."""
    gone = with_other_community(community_id, profile__status__in=GONE)
    return (
        Suggestion.objects.visible_to_communities()
        .of_community(community_id)
        .exclude(gone & ~Q(status__in=_ADVANCED))
    )


def between_seekers(suggestions: QuerySet[Suggestion]) -> QuerySet[Suggestion]:
    """Without those of a community that seeks no partner any more, which its public page says:
    nobody can answer them. Mutual interest stays.
    """
    gone = Q(pair__a__profile__status__in=GONE) | Q(pair__b__profile__status__in=GONE)
    return suggestions.exclude(gone & ~Q(status__in=_ADVANCED))


def visible_suggestions(reader: Reader) -> QuerySet[Suggestion]:
    """The rows behind ``suggestions_for``, to be shown through ``seen_from``. Raises NotVisible."""
    return suggestions_of_community(reader.require(Verb.READ, Resource.SUGGESTION))


def seen_from(
    suggestion: Suggestion, community_id: int, *, now: dt.datetime | None = None
) -> SuggestionForSide:
    """The suggestion as that side sees it now."""
    return _view(suggestion, community_id, now or database_now())


def suggestions_for(reader: Reader, *, now: dt.datetime | None = None) -> list[SuggestionForSide]:
    """The community's suggestions as its side sees them. Raises NotVisible without a role there."""
    moment = now or database_now()
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    return [_view(s, community_id, moment) for s in suggestions_of_community(community_id)]


def suggestion_for(reader: Reader, suggestion_id: int) -> SuggestionForSide:
    """One suggestion from the reader's side, which is looked up if the reader has no community yet.

    Raises:
        NotVisible: no such suggestion, not released, or no role on either side.
        Gone: it was released, and is taken back.
    """
    suggestion, community_id = _own_suggestion(reader, suggestion_id)
    require_offered(suggestion, community_id)
    return _view(suggestion, community_id, database_now())


def suggestion_or_what_is_left(reader: Reader, suggestion_id: int) -> SuggestionForSide:
    """``suggestion_for``, also of what is taken back: of that only the names of the two and what
    the own community wrote may be shown. Raises NotVisible.
    """
    suggestion, community_id = _own_suggestion(reader, suggestion_id)
    if not is_taken_back(side_of(suggestion, community_id)):
        require_offered(suggestion, community_id)
    return _view(suggestion, community_id, database_now())


def _own_suggestion(reader: Reader, suggestion_id: int) -> tuple[Suggestion, int]:
    """Any suggestion of the reader's community, whatever its status, and that community's id.
    Raises NotVisible.
    """
    if reader.community_id is None:
        sides = Suggestion.objects.filter(pk=suggestion_id).values_list("pair__a_id", "pair__b_id")
        ends = next(iter(sides), ())
        reader = reader.in_one_of(ends, Verb.READ, Resource.SUGGESTION)
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    rows = _with_communities(Suggestion.objects.of_community(community_id))
    try:
        return rows.get(pk=suggestion_id), community_id
    except Suggestion.DoesNotExist:
        raise NotVisible from None


def staff_suggestions(user: User | AnonymousUser) -> QuerySet[Suggestion]:
    """All suggestions for staff, best first. Raises NotVisible for others."""
    require_staff(user, Verb.READ, Resource.SUGGESTION)
    return _with_communities(Suggestion.objects.all()).order_by("-score", "id")


def recent_runs(user: User | AnonymousUser) -> QuerySet[ScoringRun]:
    """Scoring runs, newest first, with ``shards_done``. Raises NotVisible except for staff."""
    require_staff(user, Verb.READ, Resource.OPERATIONS)
    done = Count("shards", filter=Q(shards__done_at__isnull=False))
    return ScoringRun.objects.defer("snapshot").annotate(shards_done=done).order_by("-id")


def run_progress(run: ScoringRun) -> tuple[int, int]:
    """(shards done, shards in all)."""
    return run.shards.filter(done_at__isnull=False).count(), run.shard_count


def seconds_of(run: ScoringRun) -> float | None:
    """How long a finished run took."""
    return (run.finished_at - run.begun_at).total_seconds() if run.finished_at else None
