"""Versions of the weights: learned from decisions, promoted by staff when better calibrated, used
by the next run.
"""

from __future__ import annotations

import datetime as dt
import io
import random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.cities.facets import FACETS
from backend.common.errors import NotVisible, WrongState
from backend.suggestions.models import Decision, Suggestion, WeightSet
from backend.suggestions.scoring import weights_in_force
from backend.suggestions.services.weights import (
    TooFewDecisionsError,
    _answers,
    learn_weights,
    promote_weights,
)
from matching.facets import FACET_NAMES
from matching.weights import Weights
from tests.factories import (
    MOMENT,
    CommunityFactory,
    DecisionFactory,
    FollowUpFactory,
    PairFactory,
    ScoringRunFactory,
    SuggestionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DEFAULTS = Weights()
BETTER = {"is_better": True, "compared_with": DEFAULTS.version}


def _version(**values: Any) -> WeightSet:
    weights = weights_in_force() | {"version": "learned-7"}
    return WeightSet.objects.create(
        **({"weights": weights, "source": "learned", "metrics": BETTER, "decisions": 90} | values)
    )


def _reasons(themes: float, ties: float) -> dict[str, Any]:
    """Lifts from -.5 to .5 in two facets, beside a third that is not known."""
    lifts = {"themes": themes - 0.5, "ties": ties - 0.5}
    contributions = [
        {"facet": facet, "share": DEFAULTS.default(facet) * lift / 8.0, "items": []}
        for facet, lift in lifts.items()
    ]
    return {
        "gain": sum(c["share"] for c in contributions),
        "preference": 0.5,
        "coverage": 0.7,
        "contributions": [*contributions, {"facet": "sectors", "share": 0.0, "items": []}],
        "missing_own": ["sectors"],
        "missing_other": [],
        "not_counted": [],
        "caveat": None,
        "needs_met": 0,
    }


def _decide(count: int) -> None:
    """Communities that look at themes alone."""
    rng = random.Random(8)
    people, home = UserFactory(), [CommunityFactory() for _ in range(10)]
    for _ in range(count):
        themes, ties = rng.random(), rng.random()
        a, b = sorted((rng.choice(home), CommunityFactory(country_code="DE")), key=lambda c: c.pk)
        interested = rng.random() < themes
        reasons = _reasons(themes, ties)
        suggestion = SuggestionFactory(pair=PairFactory(a=a, b=b), a_reasons=reasons)
        answer = Decision.Answer.INTERESTED if interested else Decision.Answer.DECLINED
        DecisionFactory(
            suggestion=suggestion,
            community=a,
            by=people,
            answer=answer,
            reason="" if interested else "no_fit",
        )


def test_without_a_promoted_version_the_defaults_are_in_force(curator: User) -> None:
    assert weights_in_force()["version"] == DEFAULTS.version
    chosen = promote_weights(by=curator, weight_set_id=_version().pk)
    assert weights_in_force()["version"] == "learned-7"
    assert (chosen.in_force, chosen.promoted_by) == (
        True,
        curator,
    ) and chosen.promoted_at is not None


def test_promoting_another_keeps_the_old_version(curator: User) -> None:
    first = promote_weights(by=curator, weight_set_id=_version().pk)
    second = _version(
        metrics=BETTER | {"compared_with": "learned-7"},
        weights=weights_in_force() | {"version": "learned-8"},
    )
    promote_weights(by=curator, weight_set_id=second.pk)
    first.refresh_from_db()
    assert not first.in_force and first.promoted_at and weights_in_force()["version"] == "learned-8"


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"is_better": False}, "not better"),
        ({"compared_with": "learned-3"}, "compared with others"),
    ],
)
def test_versions_that_are_not_better_than_those_in_force_are_refused(
    curator: User, metrics: dict[str, Any], words: str
) -> None:
    version = _version(metrics=BETTER | metrics)
    with pytest.raises(WrongState, match=words):
        promote_weights(by=curator, weight_set_id=version.pk)
    assert weights_in_force()["version"] == DEFAULTS.version


def test_only_staff_promote_and_only_what_is_there(curator: User) -> None:
    with pytest.raises(NotVisible):
        promote_weights(by=UserFactory(), weight_set_id=_version().pk)
    with pytest.raises(NotVisible):
        promote_weights(by=curator, weight_set_id=0)
    promoted = promote_weights(by=curator, weight_set_id=_version().pk)
    with pytest.raises(WrongState, match="already"):
        promote_weights(by=curator, weight_set_id=promoted.pk)


def test_database_holds_at_most_one_version_in_force(curator: User) -> None:
    promoted = {"in_force": True, "promoted_at": timezone.now(), "promoted_by": curator}
    _version(**promoted)
    for broken in (promoted, {"in_force": True, "promoted_at": None, "promoted_by": None}):
        with pytest.raises(IntegrityError), transaction.atomic():
            _version(**broken)


def test_learning_reads_what_each_side_was_shown_and_keeps_a_version() -> None:
    _decide(90)
    learned = learn_weights()
    unit = learned.weights["unit"]
    assert unit["themes"] > DEFAULTS.unit["themes"] and unit["ties"] < DEFAULTS.unit["ties"]
    assert unit["sectors"] == pytest.approx(DEFAULTS.unit["sectors"], abs=1e-6)
    assert learned.decisions == learned.metrics["decisions"] == 90 and not learned.in_force
    assert (
        learned.metrics["compared_with"] == DEFAULTS.version
        and weights_in_force()["version"] == DEFAULTS.version
    )
    assert dt.datetime.now(dt.UTC) - learned.created_at < dt.timedelta(minutes=5)


def test_learning_leaves_out_what_is_or_can_be_undone(settings: Any) -> None:
    settings.SUGGESTIONS = settings.SUGGESTIONS | {"undo_seconds": 60}
    _decide(4)
    undone, just_given, *_others = Decision.objects.order_by("pk")
    Decision.objects.exclude(pk=just_given.pk).update(at=MOMENT)
    Decision.objects.filter(pk=undone.pk).update(undone_at=MOMENT, undone_by=undone.by)
    with pytest.raises(TooFewDecisionsError, match=r"^2 decisions"):
        learn_weights()


def _said_later(first: Decision, answer: str, *, days: int, occasion: str) -> None:
    """What the side said so long after its answer to the suggestion."""
    at = first.at + dt.timedelta(days=days)
    FollowUpFactory(
        introduction_id=first.suggestion_id,
        suggestion=first.suggestion,
        community=first.community,
        occasion=occasion,
        asked_at=at,
        answer=answer,
        answered_by=first.by,
    )


def _learned(first: Decision) -> list[tuple[bool, str, dt.datetime]]:
    """What learning reads of the side's answers to the suggestion."""
    return [
        (one.interested, one.reason, dt.datetime.fromtimestamp(one.at, dt.UTC))
        for one in _answers(weights_in_force())
        if one.reasons == first.suggestion.a_reasons
    ]


@pytest.mark.parametrize(
    ("later", "interested", "days"),
    [
        ({"after_meeting": "yes"}, True, 30),
        ({"after_meeting": "no"}, False, 30),
        ({"after_meeting": "too_early"}, True, 0),
        ({"after_meeting": "no", "after_three_months": "yes"}, True, 90),
        ({"after_meeting": "yes", "after_three_months": "no"}, False, 90),
        ({"after_meeting": "no", "after_three_months": "too_early"}, False, 30),
    ],
)
def test_newest_yes_or_no_takes_the_place_of_the_first_answer(
    later: dict[str, str], interested: bool, days: int
) -> None:
    """One example a side, with the lifts it was shown, at the time when it was known."""
    _decide(3)
    first = Decision.objects.filter(answer="interested").order_by("pk").first()
    assert first is not None
    for occasion, answer in later.items():
        after = {"after_meeting": 30, "after_three_months": 90}[occasion]
        _said_later(first, answer, days=after, occasion=occasion)
    assert _learned(first) == [
        (interested, "" if interested else "no_fit", first.at + dt.timedelta(days=days))
    ]
    assert len(list(_answers(weights_in_force()))) == 3


def test_what_is_said_after_a_meeting_turns_what_is_learned() -> None:
    """All were interested for the themes; once they have met, those with ties alone go on."""
    _decide(90)
    before = learn_weights()
    for first in Decision.objects.select_related("suggestion").order_by("pk"):
        shares = {c["facet"]: c["share"] for c in first.suggestion.a_reasons["contributions"]}
        goes_on = "yes" if shares["ties"] > 0 else "no"
        _said_later(first, goes_on, days=30, occasion="after_meeting")
    after = learn_weights()
    assert after.decisions == before.decisions == 90
    assert before.weights["unit"]["ties"] < DEFAULTS.unit["ties"] < after.weights["unit"]["ties"]


def _of_another_version(weights: dict[str, Any]) -> dict[str, Any]:
    """As a version stored them that lacked one facet of today and had one that is gone."""
    unit = {facet: 0.5 for facet in weights["unit"] if facet != "ties"}
    return weights | {"version": "learned-0", "unit": unit | {"dialects": 2.0}}


def test_promoted_weights_of_another_version_stay_readable(curator: User) -> None:
    stored = _of_another_version(weights_in_force())
    promote_weights(by=curator, weight_set_id=_version(weights=stored).pk)
    in_force = weights_in_force()
    assert in_force["version"] == "learned-0"
    assert in_force["unit"] == {
        **dict.fromkeys(FACET_NAMES, 0.5),
        "ties": DEFAULTS.unit["ties"],
    }


def test_learning_reads_answers_to_runs_of_another_version() -> None:
    _decide(90)
    weights = _of_another_version(weights_in_force())
    run = ScoringRunFactory(weights=weights)
    Suggestion.objects.update(run=run)
    for suggestion in Suggestion.objects.all():
        suggestion.a_reasons["contributions"].append(
            {"facet": "dialects", "similarity": 0.5, "weight": 2.0, "share": 0.1, "items": []}
        )
        suggestion.save(update_fields=["a_reasons"])
    assert learn_weights().metrics["decisions"] == 90


def test_profiles_ask_for_the_importance_of_every_facet_and_of_no_other() -> None:
    assert tuple(FACETS) == FACET_NAMES


def test_command_lists_learns_and_promotes(curator: User) -> None:
    with pytest.raises(TooFewDecisionsError):
        learn_weights()
    with pytest.raises(CommandError, match="Nothing learned: 0 decisions"):
        call_command("weights", "learn")
    version = _version()
    with pytest.raises(CommandError, match="has no account"):
        call_command("weights", "promote", str(version.pk), "--by", "nobody@example.org")
    out = io.StringIO()
    call_command("weights", "promote", str(version.pk), "--by", curator.email, stdout=out)
    call_command("weights", "list", stdout=out)
    assert out.getvalue().count("90 decisions  better calibrated      in force") == 2
