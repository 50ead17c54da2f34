"""Blind mutual opt-in over time: what A answered in secret changes nothing that B gets afterwards.

Each answer of A is followed by what the service does by itself or B can ask for: a nightly run, a
rescoring of either side, both. B's suggestions, rankings, trail, counts and notices are then those
of the world in which A has not answered. By default A declines while B has not answered, and is
interested where B has declined; each way follows in one of the two worlds. With --system A lives
every life, and every way follows in both worlds.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.test import Client, override_settings

from backend.accounts.models import User
from backend.cities.models import ExistingPartnership
from backend.common.dates import database_now
from backend.notifications.models import Notification
from backend.outbox.models import Job
from backend.suggestions.models import ExclusionRule, RankedPair, Suggestion
from backend.suggestions.services import (
    answer_suggestion,
    expire_suggestions,
    ranking_cache,
    runs,
    suggestions_from_ranking,
    undo_answer,
)
from backend.suggestions.services.curation import set_exclusion_rule
from backend.suggestions.services.partners import answer_partnership
from backend.suggestions.services.prospects import store_prospects
from tasks.inline import drain
from tests.division import at_length
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ExistingPartnershipFactory,
    UserFactory,
    document,
)

pytestmark = [pytest.mark.django_db, pytest.mark.system]
LIVES: dict[str, list[str]] = {
    "interested": ["interested", "|"],
    "declined": ["declined", "|"],
    "declined a moment ago": ["declined"],
    "withdrawn": ["interested", "|", "withdrawn", "|"],
    "undone": ["declined", "undo", "|"],
}
SETTINGS = settings.SUGGESTIONS | {
    "undo_seconds": 60,
    "k": 6,
    "shards": 1,
    "per_introduction": 1,
    "places_least": 1,
    "promising": 0.2,
}


def nightly_run() -> None:
    begun = runs.begin_run(reason="requested")
    assert begun is not None
    for index in range(begun.shard_count):
        runs.score_shard(begun.pk, index)
    suggestions_from_ranking.derive_suggestions()
    store_prospects()


def rescore(community_id: int) -> None:
    assert runs.rescore_communities([community_id])
    suggestions_from_ranking.derive_suggestions([community_id])
    store_prospects([community_id])


class Scene:
    """A suggestion of A and B in a small world in which each has more partners to be had."""

    def __init__(self, home_capacity: int) -> None:
        """With little room at home, communities abroad get one suggestion each, though they have
        room for more; B is one of those with the fewest, or the most.
        """
        for country in ["US"] * 4 + ["DE", "JP"] * 3:
            room = home_capacity if country == "US" else 3
            answers = document(capacity={"open_introductions": room})
            made = CommunityFactory(
                published=True, country_code=country, published__document=answers
            )
            CommunityRoleFactory(community=made)
        nightly_run()
        drain()
        shown = Suggestion.objects.visible_to_communities().select_related("pair")
        own = {s: shown.of_community(s.pair.b_id).count() for s in shown.order_by("pk")}
        self.suggestion = (min if home_capacity == 1 else max)(own, key=lambda s: (own[s], s.pk))
        self.held = own[self.suggestion]
        self.a_id, self.b_id = self.suggestion.pair.a_id, self.suggestion.pair.b_id  # home, abroad
        self.official_of_b = self.official(self.b_id)
        self.client_of_b = Client()
        self.client_of_b.force_login(self.official_of_b)

    def official(self, community_id: int) -> User:
        return User.objects.get(community_roles__community_id=community_id)

    def act(self, side_id: int, acts: list[str]) -> None:
        by, pk = self.official(side_id), self.suggestion.pk
        for act in acts:
            if act == "|":
                minute = dt.timedelta(seconds=61)
                Suggestion.objects.update(
                    a_final_at=F("a_final_at") - minute, b_final_at=F("b_final_at") - minute
                )
                Job.objects.update(available_at=F("available_at") - minute)
                drain()
            elif act == "undo":
                undo_answer(by=by, suggestion_id=pk, community_id=side_id)
            else:
                reason = "country" if act == "declined" else ""
                answer_suggestion(
                    by=by, suggestion_id=pk, community_id=side_id, choice=act, reason=reason
                )

    def seen_by_b(self) -> dict[str, Any]:
        """All that B can read or count, each suggestion named by its pair."""
        pairs = {
            s.pk: (s.pair.a_id, s.pair.b_id) for s in Suggestion.objects.select_related("pair")
        }
        base = f"/api/v1/communities/{self.b_id}"
        seen: dict[str, Any] = {}
        queue = f"{base}/suggestions/"
        lists = (queue, f"{queue}?order=needs", f"{queue}counts/", f"{queue}prospects/")
        for path in (*lists, f"{base}/events/"):
            body = json.dumps(self.client_of_b.get(path).json(), sort_keys=True)
            body = re.sub(r'"(?:\w+_at|id|run)": ("[^"]*"|\d+)', "", body)
            # Each world numbers the suggestions that it makes further on.
            seen[path] = re.sub(r"\[(\d+)\]", lambda found: str(pairs[int(found[1])]), body)
        visible = Suggestion.objects.visible_to_communities().of_community(self.b_id)
        seen["suggestions"] = {pairs[s.pk] for s in visible}
        columns = [f.attname for f in RankedPair._meta.concrete_fields]
        columns = [name for name in columns if name not in ("id", "run_id")]
        seen["ranking"] = set(
            RankedPair.objects.filter(run=runs.current_run(), right_id=self.b_id).values_list(
                *columns
            )
        ) | set(
            RankedPair.objects.filter(run=runs.current_run(), left_id=self.b_id).values_list(
                *columns
            )
        )
        seen["notices"] = [
            (note.kind, [pairs.get(pk, pk) for pk in note.payload.get("suggestions", [])])
            for note in Notification.objects.filter(recipient=self.official_of_b).order_by("pk")
        ]
        seen["rescorings"] = Job.objects.filter(
            task="rescore_community", key=str(self.b_id)
        ).count()
        return seen


# What follows A's answer, and what follows that. "run": the nightly run; "a", "b": a rescoring of
# that side, as after each edit of its profile.
Steps = dict[str, "Steps"]
FOLLOWING: Steps = {"run": {"b": {}, "run": {}}, "b": {"run": {}}, "a b": {}}
AFTER_A_DECLINE: Steps = {"run": {}, "b run": {}}
BARRED_FOR_A_WHILE: Steps = {"partners free run": {}, "rule free run": {}}


def ways(scene: Scene, steps: Steps) -> Steps:
    """By default every second way in the one world, the others in the other."""
    begins = 0 if scene.held == 1 else 1
    return at_length({step: {} for step in list(steps)[begins::2]}, steps)


def bar(scene: Scene, by: str) -> None:
    """Staff keep the two apart: as declared partners, or by an exclusion rule."""
    curator, pair = UserFactory(curator=True), scene.suggestion.pair
    if by == "rule":
        today = database_now().date()
        why: dict[str, Any] = {"because": "So.", "source": "A letter", "from_on": today}
        home, abroad = (pair.a_id, pair.b_id) if pair.a.is_home else (pair.b_id, pair.a_id)
        set_exclusion_rule(by=curator, home_id=home, abroad_id=abroad, **why)
        return
    row = ExistingPartnershipFactory(
        community_id=pair.a_id, place=pair.b.place, country=pair.b.country
    )
    answer_partnership(by=curator, partnership_id=row.pk, answer="confirmed")


def follow(scene: Scene, steps: str) -> None:
    for step in steps.split():
        if step == "run":
            nightly_run()
        elif step in ("partners", "rule"):
            bar(scene, step)
        elif step == "free":
            ExistingPartnership.objects.all().delete()
            ExclusionRule.objects.all().delete()
        else:
            rescore(scene.a_id if step == "a" else scene.b_id)


@pytest.fixture
def undo_settings(settings: Any) -> None:
    settings.SUGGESTIONS = SETTINGS
    ranking_cache.forget()


@pytest.fixture(scope="class", params=[1, 4], ids=["one suggestion", "several"])
def scene(request: pytest.FixtureRequest, class_db: None) -> Scene:
    ranking_cache.forget()
    with override_settings(SUGGESTIONS=SETTINGS):
        scene = Scene(home_capacity=request.param)
    assert (scene.held == 1) == (request.param == 1)
    return scene


def seen_after_each(scene: Scene, steps: Steps, before: str = "") -> dict[str, dict[str, Any]]:
    """What B sees after each way through the steps; afterwards nothing has happened."""
    seen = {}
    for step, further in steps.items():
        with transaction.atomic():
            follow(scene, step)
            drain()
            seen[f"{before} {step}"] = scene.seen_by_b()
            seen |= seen_after_each(scene, further, f"{before} {step}")
            transaction.set_rollback(True)
        ranking_cache.forget()
    return seen


def after(scene: Scene, acts: list[str], steps: Steps) -> dict[str, dict[str, Any]]:
    """What B sees when A has acted and the service went on; afterwards nothing has happened."""
    with transaction.atomic():
        ranking_cache.forget()
        scene.act(scene.a_id, acts)
        drain()
        seen = seen_after_each(scene, steps)
        transaction.set_rollback(True)
    return seen


@pytest.mark.usefixtures("undo_settings")
class TestAfterAnswers:
    @pytest.mark.at_length
    @pytest.mark.parametrize(
        ("own", "steps"), [("pending", FOLLOWING), ("declined", AFTER_A_DECLINE)]
    )
    def test_nothing_that_follows_tells_the_other_sides_answer(
        self, scene: Scene, own: str, steps: Steps
    ) -> None:
        scene.act(scene.b_id, [] if own == "pending" else [own, "|"])
        drain()
        steps = ways(scene, steps)
        plain = after(scene, [], steps)
        short = ("declined",) if own == "pending" else ("interested",)
        for life in at_length(short, tuple(LIVES)):
            for way, seen in after(scene, LIVES[life], steps).items():
                for surface, value in plain[way].items():
                    assert seen[surface] == value, (life, way, surface)

    def test_who_declined_gets_another_at_the_next_run(self, scene: Scene) -> None:
        scene.act(scene.a_id, ["declined", "|"])
        nightly_run()
        of_a = Suggestion.objects.open().of_community(scene.a_id)
        assert of_a.exclude(pair=scene.suggestion.pair).exists()
        assert not Suggestion.objects.open().filter(pair=scene.suggestion.pair).exists()

    @pytest.mark.parametrize("own", ["interested", "declined"])
    def test_answer_of_the_last_minute_can_be_undone_whatever_the_other_said(
        self, scene: Scene, own: str
    ) -> None:
        for life in ([], *LIVES.values()):
            with transaction.atomic():
                scene.act(scene.a_id, life)
                scene.act(scene.b_id, [own])
                Suggestion.objects.update(expires_at=database_now() - dt.timedelta(seconds=1))
                expire_suggestions()
                scene.act(scene.b_id, ["undo"])
                scene.suggestion.refresh_from_db()
                assert scene.suggestion.b_state == "pending"
                transaction.set_rollback(True)

    @pytest.mark.at_length
    def test_pair_that_was_barred_for_a_while_tells_nothing_when_it_is_free_again(
        self, scene: Scene
    ) -> None:
        steps = ways(scene, BARRED_FOR_A_WHILE)
        plain = after(scene, [], steps)
        pair = (scene.suggestion.pair.a_id, scene.suggestion.pair.b_id)
        assert all(pair in seen["suggestions"] for seen in plain.values())
        for life in at_length(("declined",), ("declined", "withdrawn")):
            for way, seen in after(scene, LIVES[life], steps).items():
                for surface, value in plain[way].items():
                    assert seen[surface] == value, (life, way, surface)
