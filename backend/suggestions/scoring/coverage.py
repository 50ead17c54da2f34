"""How much of a profile can be compared, and what each missing answer would add."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from django.utils import timezone

from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.profile_schema import GROUPS, Field
from backend.cities.profile_validation import allowed_codes
from backend.suggestions.models import CurrentRun
from backend.suggestions.scoring.engine import weights_from_json, weights_in_force
from backend.suggestions.scoring.records import Commitments, community_record, engine_vocabulary
from matching.features import FeatureBuilder, FeatureMatrix
from matching.types import ProfileRecord, Snapshot
from matching.weights import Weights

Float64 = npt.NDArray[np.float64]
COUNTERPARTS = 200  # a share of them is known to within seven points at worst, most to within three
FRESH = dt.timedelta(minutes=10)
_WORTH_SAYING = 0.004
_NOBODY = Commitments(frozenset(), 0)
_STORY = "story.text"


@dataclass(frozen=True, slots=True)
class Gain:
    """A missing answer, by ``group.field``, and what giving it would add to the coverage."""

    path: str
    adds: float


@dataclass(frozen=True, slots=True)
class CoverageOutlook:
    """What others can be compared by today: the mean of both directions over communities on the
    other side, in [0, 1].

    Below ``floor``, in either direction, a pair is not suggested. ``gains`` are the most valuable
    first. ``compared_with`` is 0 where nobody is published on the other side yet: then others are
    taken to answer everything.
    """

    coverage: float
    floor: float
    gains: tuple[Gain, ...]
    compared_with: int


class _Others(NamedTuple):
    """The other side in the mean: which parts they can be chosen by, and how much of their weight
    lies on parts they choose by.
    """

    builder: FeatureBuilder
    weights: Weights
    can_be_chosen_by: Float64  # (parts,)
    weight_on: Float64  # (parts,) their mean share of weight on a part that they know of themselves
    story: Mapping[str, Any]
    looked_at: int


def coverage_outlook(community: Community, document: Mapping[str, Any]) -> CoverageOutlook:
    """The coverage if ``document`` (valid) were the profile; reads place, country, profile."""
    at_home = community.country_id == HOME_COUNTRY
    others = _others(at_home)
    now = timezone.now()
    paths = [_STORY] if not _answer(document, _STORY) and others.story else []
    examples = {_STORY: others.story} if paths else {}
    for path, example in _missing(document):
        examples[path] = example
        paths.append(path)
    documents = [document, *(_with(document, path, examples[path]) for path in paths)]
    records = [
        replace(community_record(community, _NOBODY, now, each), id=at)
        for at, each in enumerate(documents)
    ]
    values = _coverages(records, others, at_home=at_home)
    gains = [
        Gain(path, float(value - values[0])) for path, value in zip(paths, values[1:], strict=True)
    ]
    worth = [gain for gain in gains if gain.adds >= _WORTH_SAYING]
    order = {path: at for at, path in enumerate(_all_paths())}
    worth.sort(key=lambda gain: (-round(gain.adds, 6), order[gain.path]))
    return CoverageOutlook(
        float(values[0]),
        others.weights.coverage_floor,
        tuple(_one_of_equals(worth)),
        others.looked_at,
    )


def _coverages(records: Sequence[ProfileRecord], others: _Others, *, at_home: bool) -> Float64:
    """(n,) mean coverage of both directions."""
    mine, nobody = tuple(records), ()
    sides = others.builder.transform_sides(
        Snapshot(left=mine if at_home else nobody, right=nobody if at_home else mine)
    )
    matrix = sides[0] if at_home else sides[1]
    seeks, offers, weights = _presence(matrix, others.weights)
    own = (weights * seeks * others.can_be_chosen_by).sum(axis=1) / np.maximum(
        weights.sum(axis=1), 1e-12
    )
    theirs = (offers * others.weight_on).sum(axis=1)
    return np.asarray((own + theirs) / 2, dtype=np.float64)


def _presence(matrix: FeatureMatrix, weights: Weights) -> tuple[Float64, Float64, Float64]:
    """(n, parts) each: has the data to choose by, to be chosen by, and the weight."""
    seeks = np.column_stack([part.seeks for part in matrix.parts]).astype(np.float64)
    offers = np.column_stack([part.offers for part in matrix.parts]).astype(np.float64)
    return seeks, offers, weights.part_weights(matrix.importances, matrix.facets, matrix.shares)


_kept: dict[bool, tuple[tuple[int | None, dt.datetime], _Others]] = {}
_lock = threading.Lock()


def _others(at_home: bool) -> _Others:
    """The other side's means, kept while the visible run is the same, at most ten minutes."""
    run_id = CurrentRun.objects.values_list("run_id", flat=True).first()
    now = timezone.now()
    with _lock:
        found = _kept.get(at_home)
    if found is not None and found[0][0] == run_id and now - found[0][1] < FRESH:
        return found[1]
    others = _look_at_others(at_home, now)
    with _lock:
        _kept[at_home] = (run_id, now), others
    return others


def forget_others() -> None:
    """Reads the other side again at the next question."""
    with _lock:
        _kept.clear()


def _look_at_others(at_home: bool, now: dt.datetime) -> _Others:
    across = Community.objects.seeking().select_related(
        "country", "place", "profile__current_version"
    )
    across = (
        across.exclude(country_id=HOME_COUNTRY)
        if at_home
        else across.filter(country_id=HOME_COUNTRY)
    )
    step = max(1, across.count() // COUNTERPARTS)
    ids = list(across.order_by("id").values_list("pk", flat=True))[::step][:COUNTERPARTS]
    records = tuple(
        community_record(c, _NOBODY, now) for c in across.filter(pk__in=ids).order_by("id")
    )
    snapshot = Snapshot(left=() if at_home else records, right=records if at_home else ())
    builder = FeatureBuilder(engine_vocabulary(), story_components=2).fit(snapshot)
    weights = weights_from_json(weights_in_force())
    matrix = builder.transform_sides(snapshot)[1 if at_home else 0]
    if not records:
        everything = np.ones(len(matrix.parts))
        defaults = weights.part_weights(
            np.full((1, matrix.importances.shape[1]), np.nan), matrix.facets, matrix.shares
        )[0]
        return _Others(
            builder, weights, everything, defaults / max(float(defaults.sum()), 1e-12), {}, 0
        )
    seeks, offers, weighing = _presence(matrix, weights)
    shares = weighing * seeks / np.maximum(weighing.sum(axis=1), 1e-12)[:, None]
    with_story = next((r for r in records if r.story), None)
    story = {"text": with_story.story, "language": with_story.story_language} if with_story else {}
    return _Others(builder, weights, offers.mean(axis=0), shares.mean(axis=0), story, len(records))


def _all_paths() -> list[str]:
    return [f"{group.code}.{field.name}" for group in GROUPS for field in group.fields]


def _answer(document: Mapping[str, Any], path: str) -> Any:
    group, name = path.split(".")
    return (document.get(group) or {}).get(name)


def _is_answered(document: Mapping[str, Any], path: str) -> bool:
    answer = _answer(document, path)
    return bool(answer) or answer is False or (answer == 0 and isinstance(answer, int | float))


def _with(document: Mapping[str, Any], path: str, example: Any) -> dict[str, Any]:
    group, name = path.split(".")
    answers = example if path == _STORY else {name: example}
    return {**document, group: {**(document.get(group) or {}), **answers}}


def _missing(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every question that is left empty, with some answer to it: which one plays no part in
    coverage. Importances move weights alone.
    """
    for group in GROUPS:
        for field in group.fields if group.code != "importances" else ():
            path = f"{group.code}.{field.name}"
            example = _example(field)
            if path != _STORY and example is not None and not _is_answered(document, path):
                yield path, example


def _example(field: Field) -> Any:
    """An answer of the right kind; None for texts, which the engine does not compare."""
    if field.kind in ("integer", "number"):
        return field.minimum if field.minimum is not None and field.minimum > 0 else 1
    if field.kind == "boolean":
        return True
    if field.kind == "ties":
        return [{"kind": "trade", "country": HOME_COUNTRY, "strength": 2}]
    if field.kind in ("choice", "codes", "ranked", "weighted"):
        code = next(iter(allowed_codes(field)))
        return {"choice": code, "weighted": {code: 2}}.get(field.kind, [code])
    return None


def _one_of_equals(gains: Sequence[Gain]) -> Iterator[Gain]:
    """Of the questions of a topic any one of which adds all of it (readiness), the first alone."""
    seen: set[tuple[str, float]] = set()
    for gain in gains:
        mark = gain.path.split(".")[0], round(gain.adds, 6)
        if mark[0] != "readiness" or mark not in seen:
            seen.add(mark)
            yield gain
