"""Why this pair: what led to a partnership, frozen when it begins.

Suggestions may be deleted with their run, people with their account, and vocabularies change; what
is read here years later must not. So sentences are written down in every language of the service,
and people by the name that they had, beside their id: who erases the account erases name and
comments here too. What belonged to one community before (its votes, comments, declines) still
belongs to it alone: each part names whose it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import translation

from backend.accounts.models import User
from backend.common.dates import database_now
from backend.introductions.models import Agreement, Introduction, Partnership
from backend.outbox.queries import trail
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, Suggestion, Vote
from backend.suggestions.pair_text import PairText, pair_text
from backend.suggestions.reviews import votes_on
from backend.suggestions.sides import sides_of

SHAPE = 1
_SENTENCES = 5
_STEPS = (Topic.INTRODUCTION_OPENED, Topic.INTRODUCTION_MOVED)


def freeze_rationale(agreement: Agreement) -> dict[str, Any]:
    """The account of how the pair came together, as JSON. ``SHAPE`` numbers its form."""
    introduction = Introduction.objects.select_related(
        "pair__a__country", "pair__b__country", "suggestion__run", "opened_by"
    ).get(pk=agreement.introduction_id)
    suggestion = introduction.suggestion
    sides = (introduction.pair.a, introduction.pair.b)
    return {
        "shape": SHAPE,
        "frozen_at": database_now().isoformat(),
        "communities": [
            {"id": side.pk, "name": side.name, "country": side.country.name} for side in sides
        ],
        "by_hand": {"because": introduction.opened_because, **_person(introduction.opened_by)}
        if introduction.opened_because
        else None,
        "suggestion": _suggestion(suggestion) if suggestion else None,
        "reasons": _reasons(suggestion) if suggestion else [],
        "decisions": [
            _decision(row)
            for row in suggestion.decisions.in_effect().select_related("by").order_by("id")
        ]
        if suggestion
        else [],
        "votes": [_vote(row) for row in _votes(suggestion)] if suggestion else [],
        "history": [
            _step(event)
            for event in trail("introduction", introduction.pk)
            if event.topic in _STEPS
        ],
    }


def _person(user: User | None) -> dict[str, Any]:
    return {"by": str(user) if user else "", "by_id": user.pk if user else None}


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    run = suggestion.run
    return {
        "id": suggestion.pk,
        "score": suggestion.score,
        "released_at": suggestion.released_at.isoformat() if suggestion.released_at else None,
        "run": {"id": run.pk, "begun_at": run.begun_at.isoformat(), "reason": run.reason}
        if run
        else None,
    }


def _reasons(suggestion: Suggestion) -> list[dict[str, Any]]:
    """Each side's reasons for choosing the other: as figures, and as sentences in every
    language.
    """
    sides = sides_of(suggestion)
    words = {}
    for code, _label in settings.LANGUAGES:
        with translation.override(code):
            words[code] = pair_text(sides[0].fit, sides[1].fit, read_by="both")
    return [
        {
            "community_id": side.community_id,
            "preference": side.fit.preference,
            "coverage": side.fit.coverage,
            "fit": side.fit.word,
            "rank": side.fit.rank,
            "candidates": side.fit.candidates,
            "sentences": {code: _sentences(pair, at) for code, pair in words.items()},
            "caveat": {code: str(pair.sides[at].said.caveat or "") for code, pair in words.items()},
            "figures": side.fit.reasons,
        }
        for at, side in enumerate(sides)
    ]


def _sentences(pair: PairText, side: int) -> list[str]:
    """What one side gains, then what the two have in common."""
    return [str(said) for said in (*pair.sides[side].said.gains, *pair.in_common)][:_SENTENCES]


def _votes(suggestion: Suggestion) -> Iterable[Vote]:
    return sorted(votes_on([suggestion.pk]), key=lambda vote: vote.pk)


def _decision(row: Decision) -> dict[str, Any]:
    return {
        "community_id": row.community_id,
        "answer": row.answer,
        "reason": row.reason,
        "comment": row.comment,
        **_person(row.by),
        "at": row.at.isoformat(),
    }


def _vote(row: Vote) -> dict[str, Any]:
    return {
        "community_id": row.community_id,
        "choice": row.choice,
        "comment": row.comment,
        "counts": row.set_aside is None,
        **_person(row.by),
        "at": row.changed_at.isoformat(),
    }


def _step(event: Any) -> dict[str, Any]:
    return {
        "at": event.recorded_at.isoformat(),
        "topic": event.topic,
        "stage": event.payload.get("new", ""),
        **_person(event.by),
    }


def rationale_for(partnership: Partnership, side: int | None) -> dict[str, Any]:
    """What a reader may see of it: staff everything, a side everything but the other's votes,
    comments, earlier answers, and counts of its candidates, which rest on its wishes.

    Of the other side's decisions only that it was interested is shown, which both have known since
    the introduction.
    """
    why: dict[str, Any] = deepcopy(partnership.why)
    for _kind, entry in _entries(why):
        entry.pop("by_id", None)
    if not why or side is None:
        return why
    for part in why["reasons"]:
        if part["community_id"] != side:
            part["figures"] = _without_counts(part["figures"])
            part["rank"] = part["candidates"] = None
    why["votes"] = [vote for vote in why["votes"] if vote["community_id"] == side]
    why["decisions"] = [
        decision
        if decision["community_id"] == side
        else decision | {"reason": "", "comment": "", "by": ""}
        for decision in why["decisions"]
        if decision["community_id"] == side or decision["answer"] == Decision.Answer.INTERESTED
    ]
    return why


def _without_counts(figures: dict[str, Any]) -> dict[str, Any]:
    contributions = [
        row | {"items": [item[:2] for item in row.get("items", ())]}
        for row in figures.get("contributions", ())
    ]
    return figures | {"contributions": contributions}


_LISTS = ("votes", "decisions", "history")


def _entries(why: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(part, entry) of everything in a rationale that names a person."""
    if why.get("by_hand"):
        yield "by_hand", why["by_hand"]
    for name in _LISTS:
        for entry in why.get(name, ()):
            yield name, entry


def rationales_naming(user: User) -> QuerySet[Partnership]:
    """Partnerships whose frozen rationale names the person."""
    named = Q(why__by_hand__by_id=user.pk)
    for name in _LISTS:
        named |= Q(**{f"why__{name}__contains": [{"by_id": user.pk}]})
    return Partnership.objects.filter(named).order_by("pk")


def frozen_words_of(user: User) -> list[dict[str, Any]]:
    """What rationales hold of one person, for that person."""
    return [
        {"partnership_id": partnership.pk, "part": part}
        | {key: value for key, value in entry.items() if key != "by_id"}
        for partnership in rationales_naming(user)
        for part, entry in _entries(partnership.why)
        if entry.get("by_id") == user.pk
    ]


def without_person(why: dict[str, Any], user: User) -> dict[str, Any]:
    """A copy of a rationale without the person's name, id and comments; choices and dates stay."""
    why = deepcopy(why)
    for _part, entry in _entries(why):
        if entry.get("by_id") == user.pk:
            entry.update(by="", by_id=None)
            if "comment" in entry:
                entry["comment"] = ""
    return why
