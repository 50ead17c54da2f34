"""Votes, comments, the rule of a community's answers, and its shortlist."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from backend.cities.models import CommunityRole
from backend.cities.permissions import reader_of
from backend.common.errors import DomainError, Gone, InvalidFields, NotVisible, WrongState
from backend.notifications.models import Notification
from backend.notifications.notices import describe
from backend.outbox.models import Event
from backend.privacy.data import export_data
from backend.privacy.erasure import erase_account
from backend.suggestions.models import AnswerRule, SetAsideVote, ShortlistEntry, Suggestion, Vote
from backend.suggestions.queries import suggestion_for
from backend.suggestions.reviews import (
    Review,
    compared,
    queue,
    queue_counts,
    reviews_of,
    votes_for_staff,
)
from backend.suggestions.services import (
    answer_suggestion,
    cast_vote,
    put_vote_back,
    remove_vote,
    set_answer_rule,
    set_vote_aside,
    shortlist,
)
from backend.web.suggestions.forms import QueueForm
from tests.actors import World
from tests.factories import CommunityFactory, CommunityRoleFactory, SuggestionFactory, document

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shared_world")]


def vote(
    world: World, actor: str, suggestion: Suggestion, choice: str = "yes", comment: str = ""
) -> Vote:
    side = world.home_of(actor) or world.b
    return cast_vote(
        by=world.user(actor),
        suggestion_id=suggestion.pk,
        community_id=side.pk,
        choice=choice,
        comment=comment,
    )


def review(world: World, actor: str, suggestion: Suggestion) -> Review:
    side, user = world.home_of(actor) or world.b, world.user(actor)
    return reviews_of(
        reader_of(user, side.pk), [suggestion_for(reader_of(user, side.pk), suggestion.pk)]
    )[suggestion.pk]


def test_members_read_comments_of_others_once_they_have_voted_and_the_chair_always(
    world: World,
) -> None:
    suggestion = world.released()
    third = CommunityRoleFactory(community=world.b, role=CommunityRole.Role.COMMITTEE_MEMBER).user
    cast_vote(
        by=third,
        suggestion_id=suggestion.pk,
        community_id=world.b.pk,
        choice="maybe",
        comment="Their port is small.",
    )
    vote(world, "official", suggestion, "no", "Of the other side.")

    def seen(actor: str) -> list[str]:
        return [row.comment for row in review(world, actor, suggestion).votes]

    assert seen("committee_member") == [], "an opinion of one's own comes first"
    assert review(world, "committee_member", suggestion).tally.maybe == 1
    assert seen("chair") == ["Their port is small."]
    vote(world, "committee_member", suggestion, "yes", "They asked for water.")
    assert seen("committee_member") == ["Their port is small.", "They asked for water."]
    remove(world, "committee_member", suggestion)
    assert seen("committee_member") == []
    assert seen("official") == ["Of the other side."]
    give(world, suggestion, "interested")
    assert seen("committee_member") == ["Their port is small."], "nobody can vote any more"
    assert len(votes_for_staff(world.user("curator"), suggestion.pk)) == 2


def test_officials_of_one_community_read_their_colleagues_comments(world: World) -> None:
    suggestion = world.released()
    colleague = CommunityRoleFactory(community=world.a).user
    cast_vote(
        by=colleague,
        suggestion_id=suggestion.pk,
        community_id=world.a.pk,
        choice="yes",
        comment="Let us.",
    )
    assert [row.comment for row in review(world, "official", suggestion).votes] == ["Let us."]


def test_vote_can_be_changed_until_the_community_has_answered(world: World) -> None:
    suggestion = world.released()
    vote(world, "chair", suggestion, "yes", "First.")
    vote(world, "chair", suggestion, "no", "Second.")
    assert list(Vote.objects.values_list("choice", "comment")) == [("no", "Second.")]
    assert Event.objects.filter(topic="vote_cast", community_id=world.b.pk).count() == 2
    assert "Second" not in str(list(Event.objects.values_list("payload", flat=True)))
    answer_suggestion(
        by=world.user("chair"),
        suggestion_id=suggestion.pk,
        community_id=world.b.pk,
        choice="interested",
    )
    for act in (
        lambda: vote(world, "committee_member", suggestion),
        lambda: remove(world, "chair", suggestion),
        lambda: aside(world, "chair", suggestion, "committee_member"),
    ):
        with pytest.raises(WrongState):
            act()


def test_votes_stay_open_after_the_other_side_has_declined(world: World) -> None:
    suggestion = world.released(status="declined", a_state="declined")
    assert vote(world, "chair", suggestion).choice == "yes"


def remove(world: World, actor: str, suggestion: Suggestion) -> None:
    remove_vote(by=world.user(actor), suggestion_id=suggestion.pk, community_id=world.b.pk)


def aside(
    world: World, actor: str, suggestion: Suggestion, voter: str, because: str = "Not about them."
) -> SetAsideVote:
    return set_vote_aside(
        by=world.user(actor),
        suggestion_id=suggestion.pk,
        community_id=world.b.pk,
        voter_id=world.user(voter).pk,
        because=because,
    )


def put_back(world: World, actor: str, suggestion: Suggestion, voter: str) -> None:
    put_vote_back(
        by=world.user(actor),
        suggestion_id=suggestion.pk,
        community_id=world.b.pk,
        voter_id=world.user(voter).pk,
    )


def test_nobody_deletes_the_vote_of_another_but_sets_it_aside_with_a_reason(
    world: World, drain: Any
) -> None:
    suggestion = world.released()
    set_answer_rule(
        by=world.user("chair"), community_id=world.b.pk, kind="majority", votes_needed=2
    )
    vote(world, "committee_member", suggestion, "no", "Too far.")
    vote(world, "chair", suggestion)
    remove(world, "chair", suggestion)
    vote(world, "chair", suggestion)
    assert Vote.objects.count() == 2
    aside(world, "chair", suggestion, "committee_member", "Voted for another place.")
    drain()
    for reader in ("chair", "committee_member"):
        seen = review(world, reader, suggestion)
        assert (seen.tally.yes, seen.tally.no) == (1, 0), reader
        row = next(row for row in seen.votes if row.comment == "Too far.")
        assert row.set_aside is not None and row.set_aside.because == "Voted for another place."
        assert row.set_aside.by == world.user("chair")
    with pytest.raises(WrongState) as refused:
        give(world, suggestion, "interested")
    assert "1 more is needed" in refused.value.message, "it does not count for the quorum"
    note = Notification.objects.get(kind="vote_set_aside")
    assert note.recipient == world.user("committee_member")
    words = str(describe(note))
    assert "Voted for another place." in words and str(world.user("chair")) in words
    (event,) = Event.objects.filter(topic="vote_set_aside", community_id=world.b.pk)
    assert event.payload == {"voter": world.user("committee_member").pk}
    vote(world, "committee_member", suggestion, "yes")
    remove(world, "committee_member", suggestion)
    vote(world, "committee_member", suggestion, "no")
    assert review(world, "chair", suggestion).tally.votes == 1, "it is the person's vote"
    put_back(world, "chair", suggestion, "committee_member")
    assert review(world, "chair", suggestion).tally.votes == 2
    assert "counts again" in str(describe(note))
    assert Event.objects.filter(topic="vote_put_back", community_id=world.b.pk).count() == 1


def test_setting_aside_is_refused_in_words(world: World) -> None:
    suggestion = world.released()
    vote(world, "committee_member", suggestion)
    vote(world, "chair", suggestion)
    vote(world, "official", suggestion)
    for actor in ("committee_member", "official", "stranger", "curator", "admin"):
        with pytest.raises(NotVisible):
            aside(world, actor, suggestion, "chair")
        with pytest.raises(NotVisible):
            put_back(world, actor, suggestion, "chair")
    for voter in ("official", "stranger"):
        with pytest.raises(NotVisible):
            aside(world, "chair", suggestion, voter)
    with pytest.raises(NotVisible):
        put_back(world, "chair", suggestion, "committee_member")
    for reason in ("", "  ", "x" * 1001, "\x00"):
        with pytest.raises(InvalidFields) as refused:
            aside(world, "chair", suggestion, "committee_member", reason)
        assert list(refused.value.errors) == ["because"]
    with pytest.raises(WrongState):
        aside(world, "chair", suggestion, "chair")
    aside(world, "chair", suggestion, "committee_member")
    with pytest.raises(WrongState):
        aside(world, "chair", suggestion, "committee_member")
    assert SetAsideVote.objects.count() == 1


def test_who_acts_for_one_side_sets_no_vote_of_the_other_aside(world: World) -> None:
    suggestion, both = world.released(), world.in_both()
    vote(world, "committee_member", suggestion)
    cast_vote(by=both, suggestion_id=suggestion.pk, community_id=world.a.pk, choice="yes")
    with pytest.raises(WrongState) as refused:
        aside(world, "official", suggestion, "committee_member")
    assert refused.value.code == "acts_for_other_side"


@pytest.mark.parametrize("who", ["chair", "committee_member"])
def test_erasure_takes_the_reason_and_the_export_holds_it_before(world: World, who: str) -> None:
    CommunityRoleFactory(community=world.b)
    suggestion = world.released()
    vote(world, "committee_member", suggestion)
    aside(world, "chair", suggestion, "committee_member", "She is his cousin.")
    user = world.user(who)
    assert "She is his cousin." in str(export_data(by=user)["records"])
    erase_account(by=user, email=user.email)
    assert list(SetAsideVote.objects.values_list("because", flat=True)) == [""]


@pytest.mark.parametrize(
    ("choice", "comment", "path"),
    [("perhaps", "", "choice"), ("", "", "choice"), ("yes", "x" * 2001, "comment")],
)
def test_wrong_votes_are_refused_with_the_reason(
    world: World, choice: str, comment: str, path: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        vote(world, "chair", world.released(), choice, comment)
    assert list(refused.value.errors) == [path]
    assert not Vote.objects.exists()


def test_rule_is_set_by_those_who_answer(world: World) -> None:
    for actor in ("committee_member", "official", "stranger", "curator", "admin"):
        with pytest.raises(NotVisible):
            set_answer_rule(
                by=world.user(actor), community_id=world.b.pk, kind="majority", votes_needed=2
            )
    rule = set_answer_rule(
        by=world.user("chair"), community_id=world.b.pk, kind="majority", votes_needed=2
    )
    assert (rule.kind, rule.votes_needed) == ("majority", 2)
    for kind, needed in (
        ("majority", 3),
        ("majority", 0),
        ("majority", None),
        ("chair", 2),
        ("dice", None),
    ):
        with pytest.raises(InvalidFields):
            set_answer_rule(
                by=world.user("chair"), community_id=world.b.pk, kind=kind, votes_needed=needed
            )
    set_answer_rule(by=world.user("chair"), community_id=world.b.pk, kind="chair")
    assert AnswerRule.objects.get().votes_needed is None
    assert Event.objects.filter(topic="answer_rule_set", community_id=world.b.pk).count() == 2


# Votes of chair, member and a third; what the rule "majority of three" then lets the chair answer.
MAJORITIES: list[tuple[list[str], set[str]]] = [
    ([], set()),
    (["yes", "yes"], set()),
    (["yes", "yes", "no"], {"interested"}),
    (["yes", "yes", "maybe"], {"interested"}),
    (["yes", "maybe", "maybe"], {"declined"}),
    (["yes", "no", "no"], {"declined"}),
    (["yes", "maybe", "no"], {"declined"}),
]


@pytest.mark.parametrize(("choices", "allowed"), MAJORITIES)
def test_answer_follows_the_majority(world: World, choices: list[str], allowed: set[str]) -> None:
    third = CommunityRoleFactory(community=world.b, role=CommunityRole.Role.COMMITTEE_MEMBER).user
    suggestion = world.released()
    set_answer_rule(
        by=world.user("chair"), community_id=world.b.pk, kind="majority", votes_needed=3
    )
    for by, choice in zip(
        (world.user("chair"), world.user("committee_member"), third), choices, strict=False
    ):
        cast_vote(by=by, suggestion_id=suggestion.pk, community_id=world.b.pk, choice=choice)
    objections = {
        given: review(world, "chair", suggestion).objection_to(given)
        for given in ("interested", "declined")
    }
    assert {given for given, objection in objections.items() if not objection} == allowed
    for given in ("interested", "declined"):
        if given not in allowed:
            with pytest.raises(WrongState) as refused:
                give(world, suggestion, given)
            assert refused.value.code == "against_the_rule"
    for given in allowed:
        give(world, suggestion, given)


def give(world: World, suggestion: Suggestion, given: str) -> None:
    reason = "no_fit" if given == "declined" else ""
    answer_suggestion(
        by=world.user("chair"),
        suggestion_id=suggestion.pk,
        community_id=world.b.pk,
        choice=given,
        reason=reason,
    )


def test_votes_of_people_who_have_left_do_not_count(world: World) -> None:
    suggestion = world.released()
    set_answer_rule(
        by=world.user("chair"), community_id=world.b.pk, kind="majority", votes_needed=2
    )
    vote(world, "chair", suggestion)
    vote(world, "committee_member", suggestion)
    CommunityRole.objects.filter(user=world.user("committee_member")).update(
        ended_at=dt.datetime.now(dt.UTC)
    )
    with pytest.raises(WrongState):
        give(world, suggestion, "interested")


def test_interest_is_withdrawn_without_a_vote(world: World) -> None:
    suggestion = world.released(b_state="interested")
    set_answer_rule(
        by=world.user("chair"), community_id=world.b.pk, kind="majority", votes_needed=2
    )
    give(world, suggestion, "withdrawn")


def test_shortlist_belongs_to_one_side(world: World) -> None:
    suggestion = world.released()

    def put(actor: str, listed: bool) -> bool:
        side = world.home_of(actor) or world.b
        return shortlist(
            by=world.user(actor), suggestion_id=suggestion.pk, community_id=side.pk, listed=listed
        )

    assert put("committee_member", True) and not put("chair", True)
    assert (
        review(world, "chair", suggestion).is_shortlisted
        and not review(world, "official", suggestion).is_shortlisted
    )
    assert put("chair", False) and not ShortlistEntry.objects.exists()
    for actor in ("stranger", "curator", "admin", "other_official"):
        with pytest.raises(DomainError):
            shortlist(
                by=world.user(actor),
                suggestion_id=suggestion.pk,
                community_id=world.b.pk,
                listed=True,
            )
    assert Event.objects.filter(topic="shortlist_changed").count() == 2


def many(world: World) -> dict[str, Suggestion]:
    """B's queue: one of each sort, from several countries."""
    culture = document(themes={"importances": {"culture": 2}})
    old = dt.datetime.now(dt.UTC) - dt.timedelta(days=20)

    def of(name: str, country: str, answers: Any = None, **values: Any) -> Suggestion:
        other = CommunityFactory(
            name=name, country_code=country, published=True, published__document=answers
        )
        return SuggestionFactory(pair__a=world.b, pair__b=other, **values)

    return {
        "fresh": of("Fresh", "US", culture),
        "old": of(
            "Old", "JP", document(themes={"importances": {"trade": 1}}), released_at=old, score=0.9
        ),
        "answered": of("Answered", "US", culture, a_state="interested"),
        "declined by them": of("Coy", "JP", culture, status="declined", b_state="declined"),
        "over": of("Over", "US", culture, released_at=old - dt.timedelta(days=60)),
    }


def test_queue_is_narrowed_by_what_the_side_itself_knows(world: World) -> None:
    rows = many(world)
    chair, member = world.user("chair"), world.user("committee_member")
    names = {row.pk: name for name, row in rows.items()}

    def shown(user: Any = chair, **filters: str) -> list[str]:
        reader = reader_of(user, world.b.pk)
        return [
            names[row.pk] for row in QueueForm(filters, is_api=True).narrow(queue(reader), reader)
        ]

    assert set(shown()) == set(rows) and shown()[0] == "old", "the best score first"
    assert shown(country="JP") == ["old", "declined by them"]
    assert set(shown(theme="culture")) == {"fresh", "answered", "declined by them", "over"}
    assert shown(shown="new") == ["fresh", "declined by them"]
    assert shown(shown="answered") == ["answered"]
    assert set(shown(shown="awaiting_me")) == {"fresh", "old", "declined by them"}
    cast_vote(by=member, suggestion_id=rows["old"].pk, community_id=world.b.pk, choice="yes")
    assert set(shown(member, shown="awaiting_me")) == {"fresh", "declined by them"}, (
        "a member waits for its own vote"
    )
    shortlist(by=chair, suggestion_id=rows["over"].pk, community_id=world.b.pk, listed=True)
    assert shown(shown="shortlist") == ["over"]
    counts = queue_counts(reader_of(chair, world.b.pk))
    assert counts.shown == {"all": 5, "awaiting_me": 3, "new": 2, "shortlist": 1, "answered": 1}
    assert counts.countries == [("JP", "Japan", 2), ("US", "United States", 3)]


def test_compared_ones_come_in_the_order_asked_for_and_only_ones_own(world: World) -> None:
    rows = many(world)
    wanted = [rows["old"].pk, rows["fresh"].pk]
    assert [
        view.suggestion_id for view in compared(reader_of(world.user("chair"), world.b.pk), wanted)
    ] == wanted
    with pytest.raises(NotVisible):
        compared(reader_of(world.user("chair"), world.b.pk), [*wanted, SuggestionFactory().pk])


def test_partner_that_has_left_is_gone_whatever_it_answered(world: World) -> None:
    for state, status in (
        ("pending", "released"),
        ("interested", "released"),
        ("declined", "declined"),
    ):
        suggestion = world.released(status=status, a_state=state)
        assert suggestion_for(reader_of(world.user("chair")), suggestion.pk).can_answer
        world.a.profile.status = "withdrawn"
        world.a.profile.save()
        with pytest.raises(Gone):
            suggestion_for(reader_of(world.user("chair")), suggestion.pk)
        with pytest.raises(Gone):
            give(world, suggestion, "interested")
        world.a.profile.status = "published"
        world.a.profile.save()
        Suggestion.objects.filter(pk=suggestion.pk).update(status="superseded")
