"""Notices: who is notified of what, once, and in which words."""

from __future__ import annotations

import pytest
from django.urls import resolve

from backend.cities.models import CommunityRole
from backend.cities.services.tickets import (
    answer_ticket,
    reply_to_ticket,
    token_of,
    write_ticket,
)
from backend.introductions.models import Introduction
from backend.introductions.services.introductions import give_consent, withdraw_consent
from backend.notifications.models import Delivery, Notification
from backend.notifications.notices import NOTICES, Notice, declare, describe
from backend.notifications.services import inbox, mark_read, notify_people, unread_count
from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.suggestions.models import Suggestion
from backend.web.accounts.serializers import NotificationSerializer
from tasks.routes import routes_of
from tests.actors import outcomes_of
from tests.factories import (
    AgreementFactory,
    CommunityFactory,
    CommunityRoleFactory,
    ConsentFactory,
    EventFactory,
    ExistingPartnershipFactory,
    IntroductionFactory,
    MeetingFactory,
    NotificationFactory,
    PairFactory,
    PartnershipFactory,
    SuggestionFactory,
    UserFactory,
    document,
)

pytestmark = pytest.mark.django_db


def _notified() -> set[tuple[str, int, int | None]]:
    return {(n.kind, n.recipient_id, n.community_id) for n in Notification.objects.all()}


def _sides(suggestion: Suggestion) -> tuple[int, int]:
    """A vetted official on each side."""
    roles = [
        CommunityRoleFactory(community=side) for side in (suggestion.pair.a, suggestion.pair.b)
    ]
    return roles[0].user_id, roles[1].user_id


def _new_suggestion_event(suggestion: Suggestion) -> Event:
    sides = {str(suggestion.pair.a_id): [suggestion.pk], str(suggestion.pair.b_id): [suggestion.pk]}
    return EventFactory(topic=Topic.SUGGESTIONS_CHANGED, payload={"communities": sides})


def test_new_suggestion_notifies_both_sides_once() -> None:
    suggestion = SuggestionFactory()
    a, b = _sides(suggestion)
    event = _new_suggestion_event(suggestion)

    assert notify_people(event.pk) == 2
    assert notify_people(event.pk) == 0

    assert _notified() == {
        ("new_suggestions", a, suggestion.pair.a_id),
        ("new_suggestions", b, suggestion.pair.b_id),
    }
    assert Delivery.objects.count() == 2
    assert set(Job.objects.filter(task="deliver").values_list("key", flat=True)) == {
        str(d.pk) for d in Delivery.objects.all()
    }


@pytest.mark.django_db(transaction=True)
def test_event_handled_in_four_threads_at_once_notifies_once() -> None:
    suggestion = SuggestionFactory()
    _sides(suggestion)
    event = _new_suggestion_event(suggestion)

    outcomes_of(*[lambda: notify_people(event.pk)] * 4)

    assert Notification.objects.count() == Delivery.objects.count() == Job.objects.count() == 2


def test_only_people_who_may_see_suggestions_are_notified() -> None:
    suggestion = SuggestionFactory()
    side = suggestion.pair.a
    wanted = {
        CommunityRoleFactory(community=side, role=role).user_id
        for role in ("official", "committee_member", "chair")
    }
    CommunityRoleFactory(community=side, role="volunteer")
    CommunityRoleFactory(community=side, vetted_at=None)
    CommunityRoleFactory(community=side, ended_at=suggestion.released_at)
    CommunityRoleFactory(community=side, user=UserFactory(is_active=False))
    CommunityRoleFactory(community=CommunityFactory())
    UserFactory(curator=True)

    notify_people(_new_suggestion_event(suggestion).pk)

    assert {recipient for _kind, recipient, _side in _notified()} == wanted


def test_person_who_speaks_for_both_sides_is_notified_for_each() -> None:
    suggestion = SuggestionFactory()
    person = UserFactory()
    for side in (suggestion.pair.a, suggestion.pair.b):
        CommunityRoleFactory(community=side, user=person)

    notify_people(_new_suggestion_event(suggestion).pk)

    assert {side for _kind, _who, side in _notified()} == {
        suggestion.pair.a_id,
        suggestion.pair.b_id,
    }


def test_suggestion_that_staff_took_back_meanwhile_notifies_nobody() -> None:
    kept = SuggestionFactory()
    held = SuggestionFactory(pair__a=kept.pair.a, status=Suggestion.Status.HELD)
    _sides(kept)
    _sides(held)
    communities = {str(kept.pair.a_id): [kept.pk, held.pk], str(held.pair.b_id): [held.pk]}
    event = EventFactory(topic=Topic.SUGGESTIONS_CHANGED, payload={"communities": communities})

    notify_people(event.pk)

    assert {tuple(n.payload["suggestions"]) for n in Notification.objects.all()} == {(kept.pk,)}


def test_mutual_interest_notifies_both_sides_and_curators(curator) -> None:
    suggestion = SuggestionFactory(mutual=True)
    a, b = _sides(suggestion)

    notify_people(EventFactory(topic=Topic.INTEREST_MUTUAL, subject_id=suggestion.pk).pk)

    assert _notified() == {
        ("interest_mutual", a, suggestion.pair.a_id),
        ("interest_mutual", b, suggestion.pair.b_id),
        ("interest_mutual", curator.pk, None),
    }


@pytest.mark.parametrize(
    "topic", [Topic.SUGGESTION_ANSWERED, Topic.SUGGESTION_EXPIRED, Topic.SUGGESTION_SUPERSEDED]
)
def test_answer_of_one_side_notifies_nobody(topic: Topic, curator) -> None:
    suggestion = SuggestionFactory(a_state=Suggestion.SideState.INTERESTED)
    _sides(suggestion)

    assert (
        notify_people(
            EventFactory(topic=topic, subject_id=suggestion.pk, payload={"answer": "interested"}).pk
        )
        == 0
    )


@pytest.mark.parametrize(
    ("old", "stage", "told"),
    [
        ("to_introduce", "introduced", 2),
        ("exploring", "introduced", 0),
        ("first_meeting", "exploring", 0),
        ("to_introduce", "closed", 0),
    ],
)
def test_sides_are_notified_once_when_they_are_introduced(old: str, stage: str, told: int) -> None:
    introduction = IntroductionFactory(stage=Introduction.Stage.INTRODUCED)
    _sides(introduction.suggestion)
    event = EventFactory(
        topic=Topic.INTRODUCTION_MOVED,
        subject_id=introduction.pk,
        payload={"old": old, "new": stage},
    )

    assert notify_people(event.pk) == told


def test_first_consent_notifies_nobody_and_the_second_both_once() -> None:
    introduction = IntroductionFactory(stage=Introduction.Stage.INTRODUCED)
    pair = introduction.pair
    _sides(introduction.suggestion)
    ConsentFactory(introduction=introduction, community=pair.a)
    first = EventFactory(
        topic=Topic.CONSENT_GIVEN, subject_id=introduction.pk, community_id=pair.a_id
    )
    alone = notify_people(first.pk)
    ConsentFactory(introduction=introduction, community=pair.b)
    second = EventFactory(
        topic=Topic.CONSENT_GIVEN, subject_id=introduction.pk, community_id=pair.b_id
    )

    assert alone == 0
    assert notify_people(first.pk) == 0
    assert notify_people(second.pk) == 2


def _kinds(event: Event) -> set[tuple[str, int]]:
    notify_people(event.pk)
    return {(n.kind, n.recipient_id) for n in Notification.objects.filter(event=event)}


@pytest.mark.parametrize("owned", [True, False])
def test_withdrawn_consent_notifies_staff_and_the_side_that_saw_contacts(
    curator, owned: bool
) -> None:
    owner = UserFactory(curator=True)
    introduction = IntroductionFactory(
        stage=Introduction.Stage.INTRODUCED, owner=owner if owned else None
    )
    staff = {owner.pk} if owned else {owner.pk, curator.pk}
    pair = introduction.pair
    _a, b = _sides(introduction.suggestion)
    speaker = CommunityRole.objects.get(community=pair.a).user
    consent = {"by": speaker, "introduction_id": introduction.pk, "community_id": pair.a_id}

    for other_consents in (False, True):
        give_consent(**consent)
        if other_consents:
            ConsentFactory(introduction=introduction, community=pair.b, by=owner)
        withdraw_consent(**consent)
        event = Event.objects.filter(topic=Topic.CONSENT_WITHDRAWN).latest("id")
        notified = staff | {b} if other_consents else staff
        assert _kinds(event) == {("consent_withdrawn", person) for person in notified}
    for notification in Notification.objects.filter(event=event):
        message = describe(notification)
        assert f"{pair.a.name} (" in message.sentences[0], "who took the consent back"
        assert ("staff" in message.path) == (notification.recipient_id in staff)


def test_closed_introduction_notifies_those_who_did_not_close_it(curator) -> None:
    introduction = IntroductionFactory(stage=Introduction.Stage.INTRODUCED)
    a, b = _sides(introduction.suggestion)

    def moved(old: str, side: int | None = None) -> Event:
        payload = {"old": old, "new": "closed"}
        about = {"subject_id": introduction.pk, "community_id": side, "payload": payload}
        return EventFactory(topic=Topic.INTRODUCTION_MOVED, **about)

    assert _kinds(moved("introduced", introduction.pair.a_id)) == {
        ("introduction_closed", b),
        ("introduction_closed", curator.pk),
    }
    assert _kinds(moved("exploring")) == {("introduction_closed", a), ("introduction_closed", b)}
    assert _kinds(moved("to_introduce")) == set(), "neither side knew of it"


@pytest.mark.parametrize("state", ["withdrawn", "fulfilled"])
def test_end_of_a_search_notifies_staff_and_partners_in_open_introductions(
    curator, state: str
) -> None:
    introduction = IntroductionFactory(stage=Introduction.Stage.INTRODUCED)
    pair = introduction.pair
    _a, b = _sides(introduction.suggestion)
    for stage in ("to_introduce", "closed", "agreement"):
        another = SuggestionFactory(pair__a=pair.a, mutual=True)
        _sides(another)
        reason = "other" if stage == "closed" else ""
        IntroductionFactory(suggestion=another, stage=stage, close_reason=reason)

    def ended(old: str) -> Event:
        payload = {"old": old, "new": state}
        about = {"subject_id": 1, "community_id": pair.a_id, "payload": payload}
        return EventFactory(topic=Topic.PROFILE_STATUS_CHANGED, **about)

    assert _kinds(ended("published")) == {
        ("partner_ends_seeking", b),
        ("seeking_ended", curator.pk),
    }
    assert _kinds(ended("submitted")) == set()


def test_sides_are_notified_of_an_agreement_or_a_confirmation_taken_back() -> None:
    agreement = AgreementFactory(status="signing")
    pair = agreement.introduction.pair
    a, b = (CommunityRoleFactory(community=side).user_id for side in (pair.a, pair.b))
    about = {"subject_id": agreement.pk, "community_id": pair.a_id}
    taken_back = EventFactory(topic=Topic.AGREEMENT_CONFIRMATION_WITHDRAWN, **about)
    assert _kinds(taken_back) == {("agreement_taken_back", b)}
    for state in ("draft", "withdrawn"):
        moved = {"payload": {"old": "signing", "new": state}, "subject_id": agreement.pk}
        changed = EventFactory(topic=Topic.AGREEMENT_STATUS_CHANGED, **moved)
        assert _kinds(changed) == {("agreement_taken_back", a), ("agreement_taken_back", b)}
    moved = {"payload": {"old": "draft", "new": "withdrawn"}, "subject_id": agreement.pk}
    never_offered = EventFactory(topic=Topic.AGREEMENT_STATUS_CHANGED, **moved)
    assert _kinds(never_offered) == set()


def test_owners_hear_of_their_profile_from_staff_and_curators_of_submissions(curator) -> None:
    owner = CommunityRoleFactory(vetted_at=None)
    about = {"subject_id": 1, "community_id": owner.community_id}

    for topic, by in (
        (Topic.PROFILE_SUBMITTED, owner.user),
        (Topic.PROFILE_CHANGES_REQUESTED, curator),
        (Topic.PROFILE_PUBLISHED, curator),
        (Topic.PROFILE_PUBLISHED, owner.user),
    ):
        notify_people(EventFactory(topic=topic, by=by, **about).pk)

    assert sorted((n.kind, n.recipient_id) for n in Notification.objects.all()) == [
        ("changes_requested", owner.user_id),
        ("profile_published", owner.user_id),
        ("profile_submitted", curator.pk),
    ]


def test_message_to_staff_is_told_to_who_has_taken_it_or_else_to_all_who_answer(curator) -> None:
    other = UserFactory(curator=True)
    mine, answered = (
        write_ticket(by=None, topic="privacy", text="Who sees it?", email="a@b.example")
        for _number in range(2)
    )
    answer_ticket(by=curator, ticket_id=answered.pk, text="Nobody.")
    for event in Event.objects.filter(topic=Topic.TICKET_WRITTEN):
        notify_people(event.pk)
    told = set(Notification.objects.values_list("recipient_id", "subject_id"))
    assert told == {(curator.pk, mine.pk), (other.pk, mine.pk)}

    Notification.objects.all().delete()
    reply_to_ticket(by=None, token=token_of(answered), text="Not even you?")
    notify_people(Event.objects.filter(topic=Topic.TICKET_WRITTEN).latest("pk").pk)
    assert [n.recipient_id for n in Notification.objects.all()] == [curator.pk]


def test_letter_to_an_organisation_is_told_to_no_staff(curator) -> None:
    role = CommunityRoleFactory(community__published=True)
    write_ticket(
        by=None, topic="volunteer", text="Hi", email="a@b.example", to_id=role.community_id
    )
    assert notify_people(Event.objects.get(topic=Topic.TICKET_WRITTEN).pk) == 0


def test_each_kind_has_words_in_page_and_mail(curator) -> None:
    introduction = IntroductionFactory(stage=Introduction.Stage.INTRODUCED)
    suggestion, pair = introduction.suggestion, introduction.pair
    _sides(suggestion)
    partnership = PartnershipFactory(pair=pair)
    payloads = {
        "new_suggestions": {"suggestions": [suggestion.pk], "count": 1},
        "suggestions_expiring": {"suggestions": [suggestion.pk], "count": 1},
        "changes_requested": {"reason": "letter_missing"},
        "profile_submitted": {"community": pair.a_id},
        "second_approval": {"community": pair.a_id},
        "membership_ending": {"paid_through": "2027-01-31"},
        "membership_request": {"community": pair.a_id, "kind": "new"},
        "membership_received": {"kind": "renewal"},
        "membership_answer": {"status": "accepted"},
        "contacts_opened": {"reader": curator.pk},
        "second_side_refused": {"side": pair.a_id, "person": curator.pk},
        "agreement_taken_back": {"state": "draft", "introduction": introduction.pk},
        "seeking_ended": {"state": "withdrawn"},
        "search_matched": {"communities": [pair.a_id]},
        "statements_checked": {"rows": [ExistingPartnershipFactory(community=pair.a).pk]},
        "follow_up": {"occasion": "after_three_months"},
        "partner_ends_seeking": {"state": "fulfilled"},
        "ticket_written": {"topic": "privacy"},
    }
    meeting = MeetingFactory(introduction=introduction)
    for kind in NOTICES:
        about = {"subject_id": partnership.pk if kind == "partnership_begun" else suggestion.pk}
        payload = {
            "other": pair.b_id,
            "own": pair.a_id,
            "named": pair.b_id,
            "a": pair.a_id,
            "b": pair.b_id,
            "meeting": meeting.pk,
            "community": pair.a_id,
        }
        payload |= {
            "answer": "accepted",
            "months": 12,
            "year": 2026,
            "state": "renewed",
        } | payloads.get(kind, {})
        message = describe(
            NotificationFactory(kind=kind, community=pair.a, payload=payload, **about)
        )

        assert message.title
        assert message.action
        assert all(message.sentences)
        assert resolve(message.path).view_name
        assert pair.a.name in " ".join(message.sentences)
        assert pair.a.name not in message.title


@pytest.mark.parametrize("missing", ["label", "topics", "recipients", "words", "path"])
def test_notice_that_lacks_a_part_cannot_be_declared(missing: str) -> None:
    complete = next(iter(NOTICES.values()))
    parts = {name: getattr(complete, name) for name in Notice.__slots__} | {"kind": "new"}

    with pytest.raises(ValueError, match="lacks"):
        declare(Notice(**parts | {missing: None}))
    with pytest.raises(TypeError, match=missing):
        Notice(**{name: part for name, part in parts.items() if name != missing})

    assert "new" not in NOTICES


def test_two_notices_cannot_have_one_kind() -> None:
    with pytest.raises(ValueError, match="Two notices"):
        declare(next(iter(NOTICES.values())))


def test_declared_notice_is_routed_and_a_choice_of_the_api() -> None:
    choices = dict(NotificationSerializer().fields["kind"].choices)

    for notice in NOTICES.values():
        assert choices[notice.kind] == notice.label
        for topic in notice.topics:
            assert "notify_people" in {route.task for route in routes_of(topic)}


def test_words_name_no_suggestion_that_is_hidden_by_now() -> None:
    suggestion = SuggestionFactory()
    hidden = SuggestionFactory(pair__a=suggestion.pair.a, status=Suggestion.Status.HELD)
    payload = {"suggestions": [suggestion.pk, hidden.pk], "count": 2}
    told = " ".join(
        describe(
            NotificationFactory(
                kind="new_suggestions", community=suggestion.pair.a, payload=payload
            )
        ).sentences
    )

    assert suggestion.pair.b.name in told
    assert hidden.pair.b.name not in told


def test_partner_from_whom_nothing_is_gained_is_named_with_what_both_share() -> None:
    wants = document(themes={"importances": {"culture": 3}})
    a, b = (
        CommunityFactory(published=True, published__document=wants, country_code=code)
        for code in ("US", "DE")
    )
    themes = {"facet": "themes", "share": 0.1, "similarity": 1.0, "lift": 0.5, "weight": 2.5}
    reasons = {"gain": 0.1, "contributions": [themes | {"items": [["theme:culture", 1.0, 1, 2]]}]}
    suggestion = SuggestionFactory(pair=PairFactory(a=a, b=b), a_reasons=reasons, b_reasons=reasons)
    payload = {"suggestions": [suggestion.pk], "count": 1}
    notification = NotificationFactory(kind="new_suggestions", community=a, payload=payload)
    told = " ".join(describe(notification).sentences)
    shared = "Both want exchange in culture (1 of 2 candidates)."
    assert f"{b.name} (California, Germany): {shared}" in told
    assert "Counts of candidates say how many" in told
    Suggestion.objects.update(a_reasons={}, b_reasons={})
    assert "Counts of candidates" not in " ".join(describe(notification).sentences)


def test_inbox_is_ones_own_and_is_read_by_oneself() -> None:
    mine, others = NotificationFactory(), NotificationFactory()

    assert list(inbox(mine.recipient)) == [mine]
    assert mark_read(by=mine.recipient, public_ids=[mine.public_id, others.public_id]) == 1
    assert mark_read(by=mine.recipient) == 0
    assert unread_count(mine.recipient) == 0
    assert unread_count(others.recipient) == 1
