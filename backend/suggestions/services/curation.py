"""What staff do: release, hold, propose rules; set the release policy and exclusion rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q, QuerySet

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Country, Place
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.permissions import require_staff
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, DomainError, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.outbox.models import Event
from backend.outbox.services import record, record_many
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import (
    active_rules,
    all_exclusion_rules,
    barred_among,
    closed_in_secret,
    over_before,
)
from backend.suggestions.models import ExclusionRule, Pair, ReleasePolicy, ScoringRun, Suggestion
from backend.suggestions.queries import GONE
from backend.suggestions.sides import lock_suggestion, sides_of, state_in_effect
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_S = Suggestion.Status
_A = Suggestion.SideState
_PENDING = {_A.PENDING.value}


@transaction.atomic
def release(*, by: User, suggestion_id: int, announce: bool = True) -> Suggestion:
    """Shows a proposed or held suggestion to both sides; the caller notifies them where
    ``announce`` is off.

    Raises NotVisible (no curator), WrongState (also where a side seeks no more).
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    suggestion = lock_suggestion(suggestion_id)
    if gone := seeking_no_more(suggestion.pair.a_id, suggestion.pair.b_id):
        raise WrongState(" ".join(f"{side.name} seeks no partner any more." for side in gone))
    now = database_now()
    expires = now + dt.timedelta(days=settings.SUGGESTIONS["answer_days"])
    change_state(
        suggestion,
        "status",
        _S.RELEASED,
        SUGGESTION_TRANSITIONS,
        released_at=now,
        expires_at=expires,
    )
    record(Topic.SUGGESTION_RELEASED, subject=suggestion, by=by)
    if not announce:
        return suggestion
    pair = suggestion.pair
    sides = {str(pair.a_id): [suggestion.pk], str(pair.b_id): [suggestion.pk]}
    record(Topic.SUGGESTIONS_CHANGED, subject=suggestion, by=by, communities=sides)
    return suggestion


def seeking_no_more(*sides: int) -> list[Community]:
    """Those of the communities that have withdrawn or found their partner: nobody answers there."""
    return list(Community.objects.filter(pk__in=sides, profile__status__in=GONE).order_by("pk"))


@transaction.atomic
def hold(*, by: User, suggestion_id: int) -> Suggestion:
    """Hides a suggestion that neither side has answered.

    Raises NotVisible (no curator), WrongState (answered; or just being answered, see ``answers``).
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    suggestion = lock_suggestion(suggestion_id)
    if not suggestion.a_state == suggestion.b_state == _A.PENDING:
        if {state_in_effect(side, database_now()) for side in sides_of(suggestion)} == _PENDING:
            raise WrongState("This suggestion cannot be held right now; try again in two minutes.")
        raise WrongState("A side has answered already; this suggestion can no longer be held.")
    change_state(suggestion, "status", _S.HELD, SUGGESTION_TRANSITIONS)
    record(Topic.SUGGESTION_HELD, subject=suggestion, by=by)
    return suggestion


@transaction.atomic
def request_run(*, by: User | None, reason: str = "requested") -> Event:
    """Asks for a full scoring now. Raises NotVisible, or Conflict while one is running."""
    if by is not None:
        require_staff(by, Verb.ACT, Resource.OPERATIONS)
    if ScoringRun.objects.filter(status=ScoringRun.Status.RUNNING).exists():
        raise Conflict("A scoring run is under way; follow it on its page.", code="run_under_way")
    return record(Topic.RUN_REQUESTED, subject=(ScoringRun, 0), by=by, reason=reason)


MOST_AT_ONCE = 200


@dataclass(slots=True)
class Done:
    """Outcome of one act on many: the ids done, and for the others why not."""

    done: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@transaction.atomic
def release_many(*, by: User, suggestion_ids: Sequence[int]) -> Done:
    """Releases what can be released, with one notice to each side.

    Raises NotVisible (no curator), InvalidFields (none chosen, or too many).
    """

    def release_one(suggestion_id: int) -> None:
        release(by=by, suggestion_id=suggestion_id, announce=False)

    result = _each(by, suggestion_ids, release_one)
    notified: dict[str, list[int]] = {}
    for suggestion in (
        Suggestion.objects.filter(pk__in=result.done)
        .select_related("pair")
        .order_by("-score", "id")
    ):
        for side in (suggestion.pair.a_id, suggestion.pair.b_id):
            notified.setdefault(str(side), []).append(suggestion.pk)
    if notified:
        record(
            Topic.SUGGESTIONS_CHANGED,
            subject=(Suggestion, result.done[0]),
            by=by,
            communities=notified,
        )
    return result


@transaction.atomic
def hold_many(*, by: User, suggestion_ids: Sequence[int]) -> Done:
    """Holds what can be held: what no side has answered. Raises as ``release_many``."""
    return _each(by, suggestion_ids, lambda suggestion_id: hold(by=by, suggestion_id=suggestion_id))


def _each(by: User, suggestion_ids: Sequence[int], act: Callable[[int], object]) -> Done:
    require_staff(by, Verb.ACT, Resource.CURATION)
    wanted = set(suggestion_ids)
    if not 1 <= len(wanted) <= MOST_AT_ONCE:
        raise InvalidFields({"suggestion_ids": [f"Choose 1 to {MOST_AT_ONCE} suggestions."]})
    result = Done()
    # In the order of the pairs, whose rows are the locks: two curators at work on the same list
    # wait in line, never in a ring.
    in_order = (
        Suggestion.objects.filter(pk__in=wanted)
        .order_by("pair_id", "pk")
        .values_list("pk", flat=True)
    )
    for suggestion_id in in_order:
        try:
            with transaction.atomic():
                act(suggestion_id)
        except DomainError as refused:
            result.refused[suggestion_id] = refused.message
        else:
            result.done.append(suggestion_id)
    result.refused |= dict.fromkeys(sorted(wanted - set(in_order)), "There is no such suggestion.")
    return result


_MODE = ReleasePolicy.Mode


@dataclass(frozen=True, slots=True)
class Policy:
    """How new suggestions are released; ``threshold`` (0 to 1) is for the mode "above"."""

    mode: str
    threshold: float | None = None

    def releases(self, score: float) -> bool:
        """Whether a suggestion of that reciprocal score is shown to both sides by itself."""
        if self.mode == _MODE.ABOVE:
            return score >= (self.threshold or 0.0)
        return self.mode == _MODE.ALL


def policy_in_force() -> Policy:
    """The newest recorded policy; the service's own default until staff have set one."""
    row = ReleasePolicy.objects.order_by("-id").values_list("mode", "threshold").first()
    return Policy(*row) if row else Policy(settings.SUGGESTIONS["release"])


def policy_history(user: User | AnonymousUser) -> QuerySet[ReleasePolicy]:
    """All policies, the newest (in force) first. Raises NotVisible except for staff."""
    require_staff(user, Verb.READ, Resource.SUGGESTION)
    return ReleasePolicy.objects.select_related("set_by").order_by("-id")


@transaction.atomic
def set_policy(
    *, by: User, mode: str, threshold: float | None = None, because: str
) -> ReleasePolicy:
    """Puts a policy in force from the next derivation on. What is held by hand stays held.

    Raises:
        NotVisible: no curator. InvalidFields: an unknown mode, a threshold outside of [0, 1] or
            with another mode, no reason.
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    errors = {}
    if mode not in _MODE.values:
        errors["mode"] = [f"Choose one of: {', '.join(_MODE.values)}."]
    if mode == _MODE.ABOVE and (threshold is None or not 0 <= threshold <= 1):
        errors["threshold"] = [
            "Write the lowest score that is released by itself, from 0 to 1, for example 0.25."
        ]
    if mode != _MODE.ABOVE and threshold is not None:
        errors["threshold"] = ["Only the policy “above a score” has a score; leave it empty."]
    if not because.strip() or len(because) > longest(ReleasePolicy, "because") or "\x00" in because:
        errors["because"] = ["Say in 1 to 1,000 characters why the policy changes."]
    if errors:
        raise InvalidFields(errors)
    policy = ReleasePolicy.objects.create(
        mode=mode, threshold=threshold, because=because.strip(), set_by=by
    )
    record(Topic.RELEASE_POLICY_SET, subject=policy, by=by, mode=mode, threshold=threshold)
    return policy


def two_sides(home_id: int | None, abroad_id: int | None) -> tuple[Community, Community]:
    """The community at home and the one abroad. Raises InvalidFields for a wrong id."""
    found = Community.objects.select_related(
        "country", "place", "profile__current_version"
    ).in_bulk([i for i in (home_id, abroad_id) if i])
    home, abroad = found.get(home_id or 0), found.get(abroad_id or 0)
    errors = {}
    if home is None or not home.is_home:
        errors["home_id"] = ["Choose a community of the United States that is registered here."]
    if abroad is None or abroad.is_home:
        errors["abroad_id"] = ["Choose a community abroad that is registered here."]
    if errors or home is None or abroad is None:
        raise InvalidFields(errors)
    return home, abroad


def pair_of(home_id: int | None, abroad_id: int | None) -> Pair:
    """The pair's row, made where it is not there yet. Raises InvalidFields as ``two_sides``."""
    home, abroad = two_sides(home_id, abroad_id)
    a, b = sorted((home, abroad), key=lambda community: community.pk)
    return Pair.objects.get_or_create(
        a=a, b=b, defaults={"a_country": a.country_id, "b_country": b.country_id}
    )[0]


def check_text(fields: Mapping[str, tuple[str, int, str]]) -> dict[str, list[str]]:
    """Errors of texts that must be given: field → (text, longest, what it says)."""
    return {
        name: [f"Say {what} in 1 to {longest:,} characters."]
        for name, (text, longest, what) in fields.items()
        if not text.strip() or len(text) > longest or "\x00" in text
    }


def _taken_back(now: dt.datetime) -> Q:
    """What a side may see as open, or as answered and in time. What was closed in secret goes as
    well, by whichever side, or what stays would reveal it; what is overdue ends by itself.
    """
    in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=over_before(now))
    known_to_both = Q(a_state=_A.INTERESTED, b_state=_A.INTERESTED)  # a closed introduction
    return (
        Q(status__in=(_S.PROPOSED, _S.HELD))
        | Q(status=_S.RELEASED) & in_time
        | closed_in_secret(now) & ~known_to_both
    )


def take_back(
    pair_ids: Iterable[int], by: User | None, because: Callable[[Suggestion], dict[str, Any]]
) -> list[Suggestion]:
    """Supersedes what is open of these pairs unless it is mutual, within the caller's transaction;
    returns it as it was. ``because`` gives the payload of each one's event.

    None of the pairs rests afterwards: the rest that a secret decline had begun would reveal it
    once the pair may be suggested again.
    """
    now = database_now()
    locked = list(
        Pair.objects.select_for_update()
        .filter(pk__in=pair_ids)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    found = list(Suggestion.objects.filter(_taken_back(now), pair_id__in=locked))
    if any(_S.SUPERSEDED not in SUGGESTION_TRANSITIONS[s.status] for s in found):
        raise WrongState("A suggestion of these pairs cannot be taken back from where it is.")
    Suggestion.objects.filter(pk__in=[s.pk for s in found]).update(
        status=_S.SUPERSEDED, closed_at=now
    )
    Pair.objects.filter(pk__in=[s.pair_id for s in found]).update(closed_until=None)
    entries = [(suggestion, None, because(suggestion)) for suggestion in found]
    record_many(Topic.SUGGESTION_SUPERSEDED, entries, by=by)
    return found


@transaction.atomic
def set_exclusion_rule(
    *,
    by: User,
    because: str,
    source: str,
    from_on: dt.date,
    until_on: dt.date | None = None,
    home_id: int | None = None,
    abroad_id: int | None = None,
    home_admin1_code: str = "",
    country: str = "",
    admin1_code: str = "",
) -> ExclusionRule:
    """Excludes one pair (``home_id`` and ``abroad_id``) or two jurisdictions (``country``, both
    narrowed by their divisions' codes).

    From ``from_on`` to ``until_on`` inclusive, days in UTC. Open suggestions that it covers are
    taken back in the same commit.

    Raises:
        NotVisible: no curator. InvalidFields: neither or both kinds, an unknown place, dates in the
            wrong order, no reason or source.
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    errors = check_text(
        {
            "because": (because, longest(ExclusionRule, "because"), "why"),
            "source": (
                source,
                longest(ExclusionRule, "source"),
                "where the rule comes from, a link or a reference,",
            ),
        }
    )
    if until_on is not None and until_on < from_on:
        errors["until_on"] = ["The last day must not lie before the first."]
    of_pair = home_id is not None or abroad_id is not None
    if of_pair == bool(country):
        errors["country"] = ["Name either two communities or a country."]
    elif not of_pair:
        errors |= _check_jurisdiction(country, home_admin1_code, admin1_code)
    elif home_admin1_code or admin1_code:
        errors["country"] = ["A rule for two communities names no divisions."]
    if errors:
        raise InvalidFields(errors)
    rule = ExclusionRule.objects.create(
        pair=pair_of(home_id, abroad_id) if of_pair else None,
        country_id=country or None,
        home_admin1_code=home_admin1_code,
        admin1_code=admin1_code,
        because=because.strip(),
        source=source.strip(),
        from_on=from_on,
        until_on=until_on,
        set_by=by,
    )
    record(
        Topic.EXCLUSION_RULE_SET,
        subject=rule,
        by=by,
        pair=rule.pair_id,
        country=country,
        home_admin1=home_admin1_code,
        admin1=admin1_code,
    )
    take_back_barred(by)
    return rule


def _check_jurisdiction(
    country: str, home_admin1_code: str, admin1_code: str
) -> dict[str, list[str]]:
    errors = {}
    if country == HOME_COUNTRY or not Country.objects.filter(code=country).exists():
        errors["country"] = ["Choose a country abroad."]
    for name, of, code in (
        ("home_admin1_code", HOME_COUNTRY, home_admin1_code),
        ("admin1_code", country, admin1_code),
    ):
        if code and not Place.objects.filter(country_id=of, admin1_code=code).exists():
            errors[name] = [f"The gazetteer knows no division “{code}” of {of}."]
    return errors


@transaction.atomic
def lift_exclusion_rule(*, by: User, rule_id: int, because: str) -> ExclusionRule:
    """Ends a rule now. What it took back stays so; the next run may suggest the pairs again.

    Raises NotVisible, InvalidFields (no reason), WrongState (lifted already).
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    errors = check_text({"because": (because, longest(ExclusionRule, "lifted_because"), "why")})
    if errors:
        raise InvalidFields(errors)
    rule = all_exclusion_rules(by).filter(pk=rule_id).first()
    if rule is None:
        raise NotVisible
    lifted = ExclusionRule.objects.filter(pk=rule_id, lifted_at__isnull=True)
    if lifted.update(lifted_at=database_now(), lifted_by=by, lifted_because=because.strip()) != 1:
        raise WrongState("This exclusion rule is lifted already.")
    record(Topic.EXCLUSION_RULE_LIFTED, subject=rule, by=by)
    rule.refresh_from_db()
    return rule


@transaction.atomic
def enforce_exclusion_rules() -> int:
    """Takes back what a rule that is in force by now excludes. Returns how many."""
    return take_back_barred(None)


def take_back_barred(by: User | None) -> int:
    """Supersedes what rules exclude and a side may still see as open, unless it is mutual."""
    rules = active_rules(database_now().date())
    if not rules:
        return 0
    countries = [rule.country_id for rule in rules if rule.country_id is not None]
    of_bars = (
        Q(pk__in=[rule.pair_id for rule in rules if rule.pair_id is not None])
        | Q(a_country__in=countries)
        | Q(b_country__in=countries)
    )
    is_open = _taken_back(database_now())
    open_pairs = Suggestion.objects.filter(is_open).order_by().values("pair_id")
    pairs = Pair.objects.filter(of_bars, pk__in=open_pairs).select_related("a__place", "b__place")
    excluded = barred_among(pairs, database_now().date())
    return len(take_back(excluded, by, lambda s: {"rule": excluded[s.pair_id].pk}))
