"""Attempts on the blind opt-in by ways that the other tests of it do not go.

A and B have a suggestion. In each attempt A leads one life after the other (it leaves it pending,
is interested, declines, withdraws), something happens afterwards, and what B gets is the same to
the byte. Numbers of rows are compared too: each life begins with the same sequences.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection, transaction
from django.db.models import F
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from backend.cities.models import CommunityRole
from backend.cities.services import people, profiles
from backend.common.dates import database_now
from backend.introductions.services.introductions import move_introduction, open_introduction
from backend.privacy.data import export_data
from backend.privacy.erasure import erase_account
from backend.suggestions import services
from backend.suggestions.eligibility import unavailable_pairs
from backend.suggestions.models import PartnerRequest, Suggestion
from backend.suggestions.services import answer_suggestion, cast_vote, curation, undo_answer
from backend.suggestions.services.partner_requests import (
    accept_request,
    answer_requests,
    ask_to_meet,
)
from backend.suggestions.services.partners import answer_partnership
from backend.suggestions.services.proposals import propose_pair
from backend.suggestions.sides import cooling_end
from tasks.inline import drain
from tests import factories as make
from tests.actors import LIVES, TwoSides, let_time_pass, pass_time, plain, refusal_of
from tests.division import at_length
from tests.test_url_walk import ROUTES, address_of, level_of_reading

pytestmark = [pytest.mark.django_db, pytest.mark.system, pytest.mark.at_length]
JSON = "application/json"
Act = Callable[..., object]
SETTINGS = {
    "SUGGESTIONS": settings.SUGGESTIONS | {"undo_seconds": 60},
    "EMAIL_BACKEND": "django.core.mail.backends.locmem.EmailBackend",
}


def seen_by(scene: TwoSides, letter: str = "b", *, all_of_it: bool = True) -> dict[str, Any]:
    """What the side reads of its suggestions, its trail and its notices; or what matters most."""
    client, own, pk = scene.clients[letter], scene.of(letter)["community_id"], scene.suggestion.pk
    one, trail = f"communities/{own}/suggestions/{pk}/", f"communities/{own}/events/"
    queue = f"communities/{own}/suggestions/"
    parts = ("?order=needs", "?order=freshness", "counts/", "prospects/")
    further = *(queue + part for part in parts), f"communities/{own}/partner-requests/"
    api = (queue, one, trail, "notifications/", *(further if all_of_it else ()))
    seen = {path: plain(client.get(f"/api/v1/{path}")) for path in api}
    if seen[one][0] != 200:
        seen["page"] = plain(client.get(f"/{one}"))
    mine = scene.of(letter)["by"].email
    seen["mails"] = [(m.subject, m.body) for m in mail.outbox if m.to == [mine]]
    return seen


def after_each_life(
    scene: TwoSides, look: Callable[[TwoSides], Any], *lives: str, letter: str = "a"
) -> Iterator[tuple[str, Any]]:
    """What ``look`` finds after each life; after each, nothing has happened."""
    for life in lives or EVERY:
        mail.outbox = []
        scene.renumber()
        with transaction.atomic():
            scene.live(life, letter)
            found = look(scene)
            transaction.set_rollback(True)
        yield life, found


def assert_alike(
    scene: TwoSides, look: Callable[[TwoSides], Any], *lives: str, letter: str = "a"
) -> Any:
    """Asserts that ``look`` finds the same whatever the side has answered; returns it."""
    found = after_each_life(scene, look, *lives, letter=letter)
    _pending, expected = next(found)
    for life, seen in found:
        if isinstance(expected, dict):
            for surface, value in expected.items():
                assert seen[surface] == value, (life, surface)
        assert seen == expected, life
    return expected


@pytest.fixture(scope="module")
def scene(module_db: None) -> Iterator[TwoSides]:
    with override_settings(**SETTINGS):
        yield TwoSides()


def exclude(scene: TwoSides, *, lift: bool = False, **what: Any) -> None:
    what |= {"because": "So.", "source": "A letter", "from_on": database_now().date()}
    rule = curation.set_exclusion_rule(by=scene.curator, **what)
    if lift:
        curation.lift_exclusion_rule(by=scene.curator, rule_id=rule.pk, because="No more.")


def state_partners(scene: TwoSides, letter: str, *answers: str) -> None:
    """The side states that the other is its partner; staff answer one way after the other."""
    own, other = (getattr(scene.world, one) for one in (letter, "ab".replace(letter, "")))
    row = make.ExistingPartnershipFactory(
        community=own, place=other.place, country=other.country, name=other.name
    )
    for answer in answers:
        answer_partnership(by=scene.curator, partnership_id=row.pk, answer=answer, note="So.")


def introduce_by_hand(scene: TwoSides, *, closed: bool) -> None:
    by = {"by": scene.curator}
    introduction = open_introduction(pair_id=scene.world.pair.pk, because="They met in May.", **by)
    move_introduction(introduction_id=introduction.pk, stage="introduced", **by)
    if closed:
        why = {"stage": "closed", "close_reason": "no_response"}
        move_introduction(introduction_id=introduction.pk, **why, **by)


def set_aside_in_a(scene: TwoSides) -> None:
    """A colleague of A votes, if A has not answered, and the vote is set aside and put back."""
    asked = scene.of("a") | {"by": scene.colleague_of_a}
    if not refusal_of(cast_vote, choice="no", **asked):
        voter = {"voter_id": scene.colleague_of_a.pk}
        services.set_vote_aside(**scene.of("a"), **voter, because="A secret reason")
        services.put_vote_back(**scene.of("a"), **voter)


def remind(scene: TwoSides) -> None:
    """Who has not answered this one is reminded of it, and of nothing else."""
    pass_time(days=45)
    later = F("expires_at") + dt.timedelta(days=30)
    Suggestion.objects.exclude(pk=scene.suggestion.pk).update(expires_at=later)
    services.remind_of_expiry()


def end_it(**more: int) -> None:
    """Lets the time of the suggestion pass, and so much more."""
    pass_time(days=57, **more)
    services.expire_suggestions()


def ask_to_meet_a(scene: TwoSides) -> None:
    end_it(hours=1)
    asked = {"community_id": scene.world.b.pk, "named_id": scene.world.a.pk}
    ask_to_meet(by=scene.official_of_b, **asked)
    drain()


def let_day_come() -> None:
    PartnerRequest.objects.update(answer_at=database_now())
    answer_requests()


def accept(scene: TwoSides) -> None:
    """What rests is not suggested, whatever was the cause."""
    (request,) = PartnerRequest.objects.all()
    asked = {"by": scene.curator, "request_id": request.pk}
    assert refusal_of(accept_request, **asked, because="They ask.") == "not_eligible"


def propose_again(scene: TwoSides) -> None:
    ids = {"home_id": scene.world.a.pk, "abroad_id": scene.world.b.pk}
    propose_pair(by=scene.curator, because="So.", release_now=True, **ids)


def decline_other(scene: TwoSides) -> None:
    asked = scene.of("b") | {"suggestion_id": scene.of_b.pk}
    answer_suggestion(**asked, choice="declined", reason="no_fit")
    let_time_pass()


def leave_a(scene: TwoSides) -> None:
    role = CommunityRole.objects.get(user=scene.world.user("official"), community=scene.world.a)
    people.end_role(by=scene.colleague_of_a, community_id=scene.world.a.pk, role_id=role.pk)


def profile(letter: str, *acts: Act) -> Callable[[TwoSides], None]:
    def follow(scene: TwoSides) -> None:
        for act in acts:
            act(**scene.profile_of(letter))
            drain()

    return follow


# What happens after A's answer, before B looks.
FOLLOWING: dict[str, Callable[[TwoSides], object]] = {
    "staff exclude the two": lambda s: exclude(s, home_id=s.world.a.pk, abroad_id=s.world.b.pk),
    "an exclusion is lifted": lambda s: exclude(s, country="DE", lift=True),
    "staff hold what else B has": lambda s: curation.hold(by=s.curator, suggestion_id=s.of_b.pk),
    "introduced by hand": lambda s: introduce_by_hand(s, closed=False),
    "introduced by hand, and closed": lambda s: introduce_by_hand(s, closed=True),
    "A states the partnership": lambda s: state_partners(s, "a", "confirmed"),
    "B states the partnership": lambda s: state_partners(s, "b", "confirmed"),
    "B states it, staff confirm and refuse": lambda s: state_partners(
        s, "b", "confirmed", "refused"
    ),
    "A withdraws its profile": profile("a", profiles.withdraw_profile),
    "A withdraws and comes back": profile("a", profiles.withdraw_profile, profiles.resume_profile),
    "A has found its partner": profile("a", profiles.mark_fulfilled),
    "A pauses": profile("a", profiles.pause_profile),
    "A pauses and seeks again": profile("a", profiles.pause_profile, profiles.resume_profile),
    "A confirms its profile": profile("a", profiles.confirm_profile),
    "A publishes anew": profile("a", profiles.republish_profile),
    "B publishes anew": profile("b", profiles.republish_profile),
    "staff let nothing through": lambda s: curation.set_policy(
        by=s.curator, mode="by_hand", because="So."
    ),
    "staff propose the two": lambda s: refusal_of(propose_again, scene=s),
    "B declines the other": lambda s: decline_other(s),
    "B withdraws its profile": profile("b", profiles.withdraw_profile),
    "B has found its partner, and comes back": profile(
        "b", profiles.mark_fulfilled, profiles.resume_profile
    ),
    "who answered leaves A": leave_a,
    "who answered is erased": lambda s: erase_account(
        by=s.of("a")["by"], email="official@example.org"
    ),
    "A sets a vote aside and puts it back": set_aside_in_a,
    "contacts of A are read in an emergency": lambda s: people.break_glass(
        by=s.world.user("admin"), community_id=s.world.a.pk, reason="Nobody answers any more."
    ),
    "reminded": remind,
    "over a moment ago": lambda _s: end_it(seconds=30),
    "over for a minute": lambda _s: end_it(seconds=90),
    "over for three minutes": lambda _s: end_it(seconds=180),
    "B asks to meet A again": lambda s: ask_to_meet_a(s),
    "B asks to meet A again, and its day comes": lambda s: (ask_to_meet_a(s), let_day_come()),
    "B asks to meet A again, and staff try to accept": lambda s: (ask_to_meet_a(s), accept(s)),
}


def free_from(scene: TwoSides) -> dt.datetime | None:
    """When the pair may be suggested again, if nothing else happens."""
    suggestion = Suggestion.objects.select_related("pair").get(pk=scene.suggestion.pk)
    if suggestion.status == Suggestion.Status.RELEASED and suggestion.expires_at:
        return cooling_end(suggestion.expires_at)  # as its end will set it
    return suggestion.pair.closed_until


Seen = dict[str, dict[str, Any]]
ANSWERS = at_length(("declined",), ("interested", "declined"))  # the first has most to hide
EVERY = at_length(("pending", "declined"), ("pending", *LIVES))


def seen_after_all(scene: TwoSides) -> Seen:
    found: Seen = {}
    mails = list(mail.outbox)
    for what, follow in FOLLOWING.items():
        scene.renumber(1000)
        with transaction.atomic():
            follow(scene)
            drain()
            seen = found[what] = seen_by(scene, all_of_it=at_length(False, True))
            resting = unavailable_pairs(database_now())
            seen["rests"] = resting.filter(pk=scene.world.pair.pk).exists()
            seen["free from"] = free_from(scene)
            transaction.set_rollback(True)
        mail.outbox[:] = mails
    return found


@pytest.fixture(scope="module")
def after_lives(scene: TwoSides) -> dict[str, Seen]:
    """Life of A → what happened afterwards → what B then got."""
    return dict(after_each_life(scene, seen_after_all, "pending", *ANSWERS))


@pytest.mark.parametrize("what", FOLLOWING)
def test_what_follows_is_alike(after_lives: dict[str, Seen], what: str) -> None:
    expected = after_lives["pending"][what]
    for life in ANSWERS:
        for surface, value in expected.items():
            assert after_lives[life][what][surface] == value, (life, surface)
        assert after_lives[life][what] == expected


NOT_FINAL = at_length(EVERY, ("pending", "declined", "withdrawn"))  # an interest of B waits on


def post(scene: TwoSides, act: str, body: dict[str, Any]) -> Any:
    asked = scene.of("b")
    path = f"communities/{asked['community_id']}/suggestions/{asked['suggestion_id']}/{act}/"
    return plain(scene.clients["b"].post(f"/api/v1/{path}", body, content_type=JSON))


@pytest.mark.parametrize(
    ("acts", "lives"),
    [
        ("interested undo declined undo declined | undo interested", EVERY),
        ("interested | withdrawn undo | withdrawn | interested", NOT_FINAL),
        ("interested | end withdrawn undo interested", NOT_FINAL),
        ("declined end undo | interested", EVERY),
    ],
)
def test_acts_of_b_one_after_the_other(scene: TwoSides, acts: str, lives: tuple[str, ...]) -> None:
    def look(scene: TwoSides) -> list[Any]:
        answers: list[Any] = []
        for act in acts.split():
            if act == "|":
                let_time_pass()
            elif act == "end":
                end_it(seconds=30)
            elif act == "undo":
                answers.append(post(scene, "undo", {}))
            else:
                reason = {"reason": "no_fit"} if act == "declined" else {}
                answers.append(post(scene, "answer", {"answer": act, **reason}))
        return [*answers, seen_by(scene)]

    assert_alike(scene, look, *lives)


def test_refusals_are_alike(scene: TwoSides) -> None:
    of_a = scene.colleague_of_a.pk, scene.world.user("official").pk
    asked: list[tuple[str, dict[str, Any]]] = [
        ("answer", {"answer": "perhaps"}),
        ("answer", {"answer": "declined", "reason": "none", "comment": "x" * 2001}),
        ("answer", {"answer": "interested", "reason": "country"}),
        ("answer", {}),
        ("vote", {"choice": "never"}),
        ("vote/remove", {}),
        *(("vote/set-aside", {"voter_id": pk, "because": "So."}) for pk in of_a),
        *(("vote/put-back", {"voter_id": pk}) for pk in of_a),
        ("review", {}),
    ]

    def look(scene: TwoSides) -> list[Any]:
        set_aside_in_a(scene)
        in_time = [post(scene, act, body) for act, body in asked]
        end_it(seconds=30)
        return [*in_time, *(post(scene, act, body) for act, body in asked)]

    found = assert_alike(scene, look, "pending", *ANSWERS)
    assert {status for status, _headers, _body in found} >= {404, 405, 409, 422}


def test_side_with_the_smaller_number_reads_the_same(scene: TwoSides) -> None:
    assert_alike(scene, lambda scene: seen_by(scene, "a"), letter="b")


def test_pages_take_as_many_queries(scene: TwoSides) -> None:
    def look(scene: TwoSides) -> list[int]:
        with CaptureQueriesContext(connection) as asked:
            seen_by(scene)
            post(scene, "answer", {"answer": "interested"})
        return [len(query["sql"].split("WHERE")) for query in asked.captured_queries]

    assert_alike(scene, look)


def test_dossier_says_the_same(scene: TwoSides, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = "backend.suggestions.dossiers.render_pdf"
    monkeypatch.setattr(drawn, lambda html, **_: html().encode())
    one = f"communities/{scene.world.b.pk}/suggestions/{scene.suggestion.pk}"

    def look(scene: TwoSides) -> list[Any]:
        paths = (f"/{one}/dossier.pdf", f"/api/v1/{one}/dossier/", f"/{one}/dossier/")
        found = [plain(scene.clients["b"].get(path)) for path in paths]
        scene.act("b", "declined")
        return [*found, plain(scene.clients["b"].get(paths[0]))]

    assert_alike(scene, look)


def test_own_data_holds_nothing_of_the_other_side(scene: TwoSides) -> None:
    def look(scene: TwoSides) -> Any:
        scene.act("b", "interested", "undo", "declined")
        remind(scene)
        drain()
        data = export_data(by=scene.of("b")["by"])
        return re.sub(r'"\w*at": "[^"]*"', "", json.dumps(data, sort_keys=True))

    assert_alike(scene, look)


@pytest.mark.parametrize("full", ["a", "b"])
def test_interests_that_find_no_room_wait_unseen(scene: TwoSides, full: str) -> None:
    def look(scene: TwoSides) -> dict[str, Any]:
        scene.act("b", "interested")
        for _ in range(3):
            side = getattr(scene.world, full)
            other = make.CommunityFactory(country_code="JP" if full == "a" else "US")
            make.PairFactory(a=side, b=other, block_reason="introduced")
        let_time_pass()
        services.expire_suggestions()
        drain()
        return seen_by(scene)

    assert_alike(scene, look)


def test_second_round_looks_alike(scene: TwoSides) -> None:
    def look(scene: TwoSides) -> list[Any]:
        end_it(hours=1)
        pass_time(days=366)
        assert not unavailable_pairs(database_now()).filter(pk=scene.world.pair.pk).exists()
        again = scene.world.released(released_at=database_now(), expected_matches=0.2)
        path = f"/api/v1/communities/{scene.world.b.pk}/suggestions/{again.pk}/"
        return [seen_by(scene), plain(scene.clients["b"].get(path))]

    assert_alike(scene, look)


def test_causes_of_no_longer_offered_cannot_be_told_apart(scene: TwoSides) -> None:
    causes: list[Callable[[TwoSides], object]] = [
        lambda s: curation.hold(by=s.curator, suggestion_id=s.suggestion.pk),
        FOLLOWING["staff exclude the two"],
        lambda s: exclude(s, home_id=s.world.a.pk, abroad_id=s.world.b.pk, lift=True),
        lambda s: Suggestion.objects.filter(pk=s.suggestion.pk).update(status="superseded"),
    ]
    queue, pk = f"communities/{scene.world.b.pk}/suggestions/", scene.suggestion.pk

    def look(scene: TwoSides) -> list[Any]:
        client = scene.clients["b"]
        return [
            seen_by(scene),
            post(scene, "answer", {"answer": "interested"}),
            post(scene, "undo", {}),
            plain(client.get(f"/api/v1/{queue}compare/?ids={pk},{scene.of_b.pk}")),
            plain(client.get(f"/{queue}{pk}/dossier.pdf")),
        ]

    found = []
    with transaction.atomic():
        cast_vote(**scene.of("b"), choice="yes", comment="Ours")  # once: its minute is on the page
        for cause in causes:
            with transaction.atomic():
                cause(scene)
                drain()
                found.append(look(scene))
                transaction.set_rollback(True)
        transaction.set_rollback(True)
    assert found[0][0]["page"][0] == 200 and found == [found[0]] * len(causes)


def test_refusal_of_the_second_side_tells_only_ones_own_acts(scene: TwoSides) -> None:
    """Somebody of both sides who has answered for A, and is of B alone by now, does not learn what
    became of that answer; who has not answered does not learn that a colleague has.
    """
    person = scene.world.in_both()
    for_b = scene.of("b") | {"by": person}
    by_colleague = scene.of("a") | {"by": scene.colleague_of_a}

    def tried(*before: Callable[[], object]) -> list[Any]:
        with transaction.atomic():
            for act in before:
                act()
            found = [
                refusal_of(answer_suggestion, **for_b, choice="interested"),
                refusal_of(cast_vote, **for_b, choice="yes"),
            ]
            transaction.set_rollback(True)
        return found

    def own() -> None:
        scene.act("a", "interested")

    def of_colleague(choice: str) -> Callable[[], object]:
        return lambda: answer_suggestion(**by_colleague, choice=choice)

    after_own = [
        tried(own),
        tried(own, let_time_pass, of_colleague("withdrawn"), let_time_pass),
        tried(own, lambda: leave_a(scene), lambda: undo_answer(**by_colleague)),
    ]
    assert after_own == [["acts_for_other_side"] * 2] * 3
    assert tried() == tried(of_colleague("interested")) == ["", "wrong_state"]


def test_no_public_address_tells(scene: TwoSides) -> None:
    client = scene.world.client("visitor")
    unknown = ("form", "form_code", "letter", "number", "picture", "public_id", "thread", "token")
    values = dict.fromkeys((*unknown, "what"), 1) | {"language": "en", "question": "find"}
    values |= {"community_id": scene.world.a.pk, "group": "story", "kind": "csv"}
    others = ("account_", "mfa_", "api:schema")
    public = [name for name in ROUTES if level_of_reading(name) == "public"]
    names = [name for name in public if not name.startswith(others)]

    def look(_scene: TwoSides) -> dict[str, Any]:
        opened = (client.get(address_of(name, values), REMOTE_ADDR="9.9.9.9") for name in names)
        return {name: plain(response) for name, response in zip(names, opened, strict=True)}

    found = assert_alike(scene, look, "pending", "declined")
    assert b"_seconds" not in found["readyz"][2], "of the last work, which an answer asks for"
