"""Why this pair: what a partnership keeps of how it began, whose it is, and what erasure takes."""

from __future__ import annotations

from django.utils import translation

from backend.cities.models import Profile
from backend.common.dates import database_now
from backend.introductions.models import Partnership
from backend.introductions.rationale import rationale_for
from backend.introductions.services.introductions import give_consent, withdraw_consent
from backend.privacy.data import export_data
from backend.privacy.erasure import erase_account
from backend.suggestions.models import Decision, Suggestion, Vote
from tests.actors import World, agreed
from tests.factories import (
    CommunityRoleFactory,
    DecisionFactory,
    ProfileVersionFactory,
    VoteFactory,
    document,
)


def storied(world: World) -> Partnership:
    """A partnership whose suggestion has reasons, votes and decisions of both sides."""
    introduction = world.introduced()
    suggestion = introduction.suggestion
    assert suggestion is not None
    contribution = {"facet": "themes", "share": 0.5, "similarity": 0.9, "weight": 1.0}
    contribution["items"] = [["theme:culture", 1.0, 3, 60]]
    reasons = {"preference": 0.6, "coverage": 0.8, "missing": [], "caveat": "readiness"}
    reasons["contributions"] = [contribution]
    Suggestion.objects.filter(pk=suggestion.pk).update(a_reasons=reasons, b_reasons=reasons)
    answers = document(readiness={"budget": "no"})
    version = ProfileVersionFactory(profile=world.b.profile, data=answers)
    Profile.objects.filter(community=world.b).update(current_version=version)
    for side, actor in ((world.a, "official"), (world.b, "chair")):
        of_side = {"suggestion": suggestion, "community": side, "by": world.user(actor)}
        DecisionFactory(**of_side, comment=f"From {side.name}")
        VoteFactory(**of_side, comment=f"Vote of {side.name}")
    DecisionFactory(**of_side, answer="withdrawn", comment="We hesitated.")
    return agreed(world, introduction)


def test_why_outlives_suggestion_vocabulary_and_names(world: World) -> None:
    partnership = storied(world)
    suggestion = partnership.agreement.introduction.suggestion
    assert suggestion is not None
    Suggestion.objects.filter(pk=suggestion.pk).update(a_reasons={}, b_reasons={})
    Vote.objects.all().delete()
    type(world.a).objects.filter(pk=world.a.pk).update(name="Renamed")
    partnership.refresh_from_db()
    why = rationale_for(partnership, None)
    assert [side["name"] for side in why["communities"]] == ["Alpha", "Beta"]
    assert why["reasons"][0]["sentences"]["en"] == ["Both want exchange in culture."]
    sentences, caveat = why["reasons"][0]["sentences"], why["reasons"][0]["caveat"]
    assert sentences.keys() == caveat.keys() >= {"en", "es", "fr", "de", "ja", "ar"}
    assert caveat["en"] == "Not fully in place at Beta yet: first-year budget."
    assert {vote["comment"] for vote in why["votes"]} == {"Vote of Alpha", "Vote of Beta"}
    assert why["suggestion"]["id"] == suggestion.pk
    with translation.override("de"):
        assert rationale_for(partnership, None) == why


def test_history_lists_the_stages_and_neither_consents_nor_who_read_contacts(world: World) -> None:
    introduction = world.introduced()
    for side, actor in ((world.a, "official"), (world.b, "chair")):
        give_consent(by=world.user(actor), introduction_id=introduction.pk, community_id=side.pk)
    withdraw_consent(
        by=world.user("chair"), introduction_id=introduction.pk, community_id=world.b.pk
    )
    history = rationale_for(agreed(world, introduction), None)["history"]
    assert [(step["topic"], step["stage"]) for step in history] == [
        ("introduction_moved", "agreement")
    ]


def test_votes_and_comments_stay_with_their_community(world: World) -> None:
    partnership = storied(world)
    for side, other in ((world.a, world.b), (world.b, world.a)):
        why = rationale_for(partnership, side.pk)
        text = str(why)
        assert f"Vote of {side.name}" in text and f"From {side.name}" in text
        assert f"Vote of {other.name}" not in text and f"From {other.name}" not in text
        assert {(d["community_id"], d["answer"]) for d in why["decisions"]} >= {
            (world.a.pk, "interested"),
            (world.b.pk, "interested"),
        }
    seen_by_a = rationale_for(partnership, world.a.pk)
    counts = [part["figures"]["contributions"][0]["items"] for part in seen_by_a["reasons"]]
    assert counts == [[["theme:culture", 1.0, 3, 60]], [["theme:culture", 1.0]]]
    assert "We hesitated." not in str(seen_by_a)
    assert "withdrawn" not in {d["answer"] for d in seen_by_a["decisions"]}
    assert "We hesitated." in str(rationale_for(partnership, None))


def test_erasure_reaches_the_rationale_and_the_export_holds_it_before(world: World) -> None:
    partnership = storied(world)
    chair = world.user("chair")
    name, address = chair.name, chair.email
    CommunityRoleFactory(community=world.b)
    frozen = export_data(by=chair)["records"]["introductions.partnership.why"]
    assert {entry.get("comment", "") for entry in frozen} >= {"From Beta", "Vote of Beta"}
    assert {entry["by"] for entry in frozen} == {name}

    erase_account(by=chair, email=address)

    stored = [*Partnership.objects.values(), *Decision.objects.values(), *Vote.objects.values()]
    for gone in (name, "From Beta", "Vote of Beta", "We hesitated."):
        assert gone not in str(stored), gone
    assert "Vote of Alpha" in str(stored), "the words of others stay"
    partnership.refresh_from_db()
    kept = rationale_for(partnership, world.b.pk)
    assert [(vote["choice"], vote["by"]) for vote in kept["votes"]] == [("yes", "")]
    assert "by_id" not in str(rationale_for(partnership, None))


def test_undone_answer_is_not_in_the_rationale(world: World) -> None:
    introduction = world.introduced()
    chair = world.user("chair")
    DecisionFactory(
        suggestion=introduction.suggestion,
        community=world.b,
        by=chair,
        answer="withdrawn",
        comment="By mistake.",
        undone_at=database_now(),
        undone_by=chair,
    )
    assert "By mistake." not in str(agreed(world, introduction).why)
