"""Agreements: templates, versions, what each side may do, the document, both confirmations, and
what they begin.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction

from backend.cities.permissions import reader_of
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.introductions.documents import (
    PLACEHOLDERS,
    blocks,
    check_text,
    compare,
    delivered_text,
)
from backend.introductions.models import Agreement, AgreementType, Introduction, Partnership
from backend.introductions.queries.agreements import (
    agreement_for,
    comparison,
    template_in_force,
    template_versions,
    version_for,
    versions_for,
)
from backend.introductions.queries.partnerships import living_partnerships
from backend.introductions.services.agreements import (
    add_document,
    confirm_signature,
    is_recognised,
    withdraw_confirmation,
)
from backend.introductions.services.drafts import (
    begin_draft,
    give_up_agreement,
    offer_agreement,
    reopen_agreement,
    save_template,
    save_version,
)
from backend.introductions.services.introductions import open_introduction
from backend.introductions.states import AGREEMENT_TRANSITIONS
from backend.notifications.notices import describe, notifications_for
from backend.outbox.models import Event
from tests.actors import (
    MEMBERS,
    SIGNED_IN,
    World,
    agreed,
    confirmed,
    drafted,
    refused,
    signed_document,
    signing,
    terms,
)
from tests.factories import MembershipFactory

pytestmark = pytest.mark.usefixtures("shared_world")

I = Introduction.Stage  # noqa: E741


SIGNED = {
    "name": "Alex",
    "office": "Mayor",
    "is_highest_official": True,
    "signed_on": dt.date(2026, 2, 1),
}


def begin(world: World, introduction: Introduction, form: str) -> Agreement:
    return begin_draft(by=world.user("curator"), introduction_id=introduction.pk, form=form)


def save(world: World, agreement: Agreement, **values: Any) -> Agreement:
    return save_version(
        by=world.user("curator"), agreement_id=agreement.pk, based_on=2, **terms(world, **values)
    )


def offer(world: World, agreement: Agreement) -> Agreement:
    return offer_agreement(by=world.user("curator"), agreement_id=agreement.pk)


def reopen(world: World, agreement: Agreement) -> Agreement:
    return reopen_agreement(by=world.user("curator"), agreement_id=agreement.pk)


def send(world: World, agreement: Agreement, actor: str, community_id: int | None) -> Any:
    return add_document(
        by=world.user(actor),
        agreement_id=agreement.pk,
        community_id=community_id,
        upload=signed_document(),
    )


@pytest.mark.parametrize("form", AgreementType.values)
def test_delivered_templates_can_be_saved_as_they_are(form: str) -> None:
    assert check_text(delivered_text(form)) == delivered_text(form)
    assert {"first", "second", "areas", "languages", "review"} <= {
        name for name in PLACEHOLDERS if "{" + name + "}" in delivered_text(form)
    }


@pytest.mark.parametrize("text", ["", "   ", "Dear {mayor}", "One { brace", "x" * 20_001, "a\x00b"])
def test_texts_that_cannot_be_taken_are_refused(text: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        check_text(text)
    assert set(caught.value.errors) == {"text"}


def test_text_becomes_blocks_and_never_markup() -> None:
    found = blocks("# Title\n\nWords <b>here</b>\nand there\n- one\n- two\n\n## Part")
    assert [(block.kind, block.lines) for block in found] == [
        ("title", ("Title",)),
        ("paragraph", ("Words <b>here</b>", "and there")),
        ("list", ("one", "two")),
        ("heading", ("Part",)),
    ]


def test_comparison_lists_every_line_of_both() -> None:
    changes = compare("a\nb\nc", "a\nx\nc\nd")
    assert [(c.kind, c.line) for c in changes] == [
        ("same", "a"),
        ("gone", "b"),
        ("new", "x"),
        ("same", "c"),
        ("new", "d"),
    ]


def test_templates_grow_by_versions_and_older_drafts_keep_theirs(world: World) -> None:
    curator = world.user("curator")
    first = drafted(world)
    save_template(by=curator, form="sister", text="# New words for {first}", based_on=0)
    assert template_in_force("sister").number == 1
    assert [t.number for t in template_versions(curator, "sister")] == [1, 0]
    assert version_for(first, None, 1).template_number == 0
    refused(lambda: save_template(by=curator, form="sister", text="# Late", based_on=0), Conflict)
    for actor in ("chair", "admin"):
        with pytest.raises(NotVisible), transaction.atomic():
            save_template(by=world.user(actor), form="sister", text="# Mine", based_on=1)


def test_first_version_is_filled_from_the_pair(world: World) -> None:
    agreement = begin(world, world.introduced(), "friendship")
    body = version_for(agreement, None, 1).body
    assert "Friendship City Agreement between Alpha and Beta" in body
    assert "Alex Doe, Mayor" in body  # as both published profiles say
    assert "__________" in body and "{" not in body


@pytest.mark.parametrize("stage", I.values)
def test_draft_begins_once_introduced_and_not_after_the_end(world: World, stage: str) -> None:
    introduction = world.introduced(stage=stage, close_reason="other" if stage == I.CLOSED else "")
    act = lambda: begin(world, introduction, "sister")  # noqa: E731
    # At the stage of an agreement there is no partnership here that it could continue.
    if stage in (I.TO_INTRODUCE, I.CLOSED, I.AGREEMENT):
        refused(act, WrongState)
    else:
        assert act().status == "draft"
        refused(act, Conflict)


def test_versions_are_numbered_compared_and_never_changed(world: World) -> None:
    agreement = drafted(world)
    save(world, agreement, areas=["culture", "trade"])
    assert [version.number for version in versions_for(agreement, None)] == [3, 2, 1]
    changed = [change for change in comparison(agreement, None, 2, 3) if change.kind != "same"]
    assert [change.kind for change in changed] == ["gone", "new"]
    agreement.refresh_from_db()
    assert agreement.areas == ["culture", "trade"]
    refused(lambda: save(world, agreement), Conflict)
    for statement in (
        "UPDATE introductions_agreementversion SET body = ''",
        "DELETE FROM introductions_agreementversion",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"form": "marriage"}, "form"),
        ({"form": "fixed_term"}, "term_years"),
        ({"term_years": 100}, "term_years"),
        ({"areas": ["nothing"]}, "areas"),
        ({"languages": ["xx"]}, "languages"),
        ({"signatories": []}, "signatories"),
        ({"text": "{nobody}"}, "text"),
    ],
)
def test_wrong_terms_are_named_and_stored_nowhere(
    world: World, values: dict[str, Any], field: str
) -> None:
    agreement = drafted(world)
    with pytest.raises(InvalidFields) as caught, transaction.atomic():
        save(world, agreement, **values)
    assert field in caught.value.errors
    assert agreement.versions.count() == 2


def test_signatory_of_a_third_community_is_refused(world: World) -> None:
    agreement = drafted(world)
    strange = [
        {"community_id": world.a.pk, "name": "x", "office": "y"},
        {"community_id": world.c.pk, "name": "x", "office": "y"},
    ]
    refused(lambda: save(world, agreement, signatories=strange), InvalidFields)


def test_incomplete_draft_is_not_put_before_the_sides(world: World) -> None:
    agreement = begin(world, world.introduced(), "sister")
    error = refused(lambda: offer(world, agreement), InvalidFields)
    assert set(error.errors) == {"areas", "languages", "review_on"}


STAFF_ACTS: dict[str, Callable[[World, Agreement, Any], object]] = {
    "begin": lambda w, g, by: begin_draft(by=by, introduction_id=g.introduction_id, form="sister"),
    "save": lambda w, g, by: save_version(by=by, agreement_id=g.pk, based_on=2, **terms(w)),
    "offer": lambda w, g, by: offer_agreement(by=by, agreement_id=g.pk),
    "give up": lambda w, g, by: give_up_agreement(by=by, agreement_id=g.pk),
    "reopen": lambda w, g, by: reopen_agreement(by=by, agreement_id=g.pk),
}


@pytest.mark.parametrize("act", STAFF_ACTS)
@pytest.mark.parametrize("actor", [actor for actor in SIGNED_IN if actor != "curator"])
def test_only_curators_write_and_offer(world: World, actor: str, act: str) -> None:
    agreement = drafted(world)
    refused(lambda: STAFF_ACTS[act](world, agreement, world.user(actor)), NotVisible)


def test_sides_read_what_was_put_before_them_and_nothing_before(world: World) -> None:
    agreement = drafted(world)
    for actor in MEMBERS:
        with pytest.raises(NotVisible):
            agreement_for(reader_of(world.user(actor)), agreement.pk)
    offer(world, agreement)
    reopen(world, agreement)
    save(world, agreement, areas=["trade"])
    for actor in MEMBERS:
        seen, side = agreement_for(reader_of(world.user(actor)), agreement.pk)
        assert [version.number for version in versions_for(seen, side.community_id)] == [2, 1], (
            "the third is not before them yet"
        )
    for actor in ("stranger", "other_official", "unvetted"):
        with pytest.raises(NotVisible):
            agreement_for(reader_of(world.user(actor)), agreement.pk)


@pytest.mark.parametrize("actor", SIGNED_IN)
@pytest.mark.parametrize("side", ["a", "b"])
def test_each_side_confirms_for_itself_and_staff_for_nobody(
    world: World, actor: str, side: str
) -> None:
    agreement = signing(world)
    community = getattr(world, side)

    def act() -> Any:
        return confirm_signature(
            by=world.user(actor),
            agreement_id=agreement.pk,
            community_id=community.pk,
            document_digest=agreement.documents.get().digest,
            **SIGNED,
        )

    if (actor, side) in {("official", "a"), ("chair", "b")}:
        act()
        assert agreement.signatories.get().community == community
    else:
        refused(act, NotVisible)
        assert not agreement.signatories.exists()


def test_third_community_confirms_nothing(world: World) -> None:
    agreement = signing(world)
    refused(
        lambda: confirm_signature(
            by=world.user("other_official"),
            agreement_id=agreement.pk,
            community_id=world.c.pk,
            document_digest=agreement.documents.get().digest,
            **SIGNED,
        ),
        NotVisible,
    )


def test_confirmation_needs_the_document_of_this_very_version(world: World) -> None:
    agreement = signing(world)
    reopen(world, agreement)
    save(world, agreement, areas=["trade"])
    offer(world, agreement)
    refused(lambda: confirmed(world, agreement, "a"), WrongState)
    send(world, agreement, "curator", None)
    confirmed(world, agreement, "a")


def test_side_learns_nothing_of_a_draft_that_it_has_not_been_shown(world: World) -> None:
    agreement = drafted(world)
    side = {
        "by": world.user("official"),
        "agreement_id": agreement.pk,
        "community_id": world.a.pk,
    }
    refused(lambda: confirmed(world, agreement, "a"), NotVisible)
    refused(lambda: add_document(**side, upload=signed_document()), NotVisible)
    refused(lambda: withdraw_confirmation(**side), NotVisible)


def test_what_a_side_confirmed_does_not_change_under_it(world: World) -> None:
    agreement = confirmed(world, signing(world), "a")
    refused(lambda: confirmed(world, agreement, "a"), WrongState)
    refused(lambda: send(world, agreement, "chair", world.b.pk), WrongState)
    withdraw_confirmation(
        by=world.user("official"), agreement_id=agreement.pk, community_id=world.a.pk
    )
    send(world, agreement, "chair", world.b.pk)
    confirmed(world, agreement, "a")
    reopen(world, agreement)
    assert not agreement.signatories.exists()
    assert Event.objects.filter(topic="agreement_confirmation_withdrawn").count() == 2


@pytest.mark.parametrize("actor", SIGNED_IN)
def test_who_sends_the_document(world: World, actor: str) -> None:
    agreement = offer(world, drafted(world))
    side = {"official": world.a.pk, "chair": world.b.pk}.get(actor)

    if actor in {"official", "chair", "curator"}:
        assert send(world, agreement, actor, side).version_number == 2
    else:
        refused(lambda: send(world, agreement, actor, side), NotVisible)


def test_document_is_checked_like_a_letter(world: World) -> None:
    agreement = offer(world, drafted(world))
    for name, content in (("a.pdf", b""), ("a.html", b"<html>"), ("a.pdf", b"%PDF-1.7 broken")):
        with pytest.raises(InvalidFields) as caught, transaction.atomic():
            add_document(
                by=world.user("official"),
                agreement_id=agreement.pk,
                community_id=world.a.pk,
                upload=SimpleUploadedFile(name, content),
            )
        assert set(caught.value.errors) == {"document"}


@pytest.mark.parametrize(
    "values", [{"name": " "}, {"office": "x" * 121}, {"signed_on": dt.date(2999, 1, 1)}]
)
def test_wrong_signatures_are_named(world: World, values: dict[str, Any]) -> None:
    agreement = signing(world)
    error = refused(lambda: confirmed(world, agreement, "a", **values), InvalidFields)
    assert set(error.errors) == set(values)


def test_signature_of_this_morning_in_tokyo(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At half past midnight there it is still the day before in London."""
    moment = dt.datetime(2026, 11, 29, 15, 30, tzinfo=dt.UTC)
    monkeypatch.setattr("backend.common.local_times.database_now", lambda: moment)
    agreement, day = signing(world), dt.date(2026, 11, 30)
    refused(lambda: confirmed(world, agreement, "b", signed_on=day), InvalidFields)
    type(world.b).objects.filter(pk=world.b.pk).update(timezone="Asia/Tokyo")
    refused(
        lambda: confirmed(world, agreement, "b", signed_on=day + dt.timedelta(days=1)),
        InvalidFields,
    )
    assert confirmed(world, agreement, "b", signed_on=day).signatories.get().signed_on == day


def test_second_confirmation_begins_the_partnership_once(world: World) -> None:
    agreement = confirmed(world, signing(world), "a")
    assert not Partnership.objects.exists()
    confirmed(world, agreement, "b", signed_on=dt.date(2026, 3, 1))
    partnership = Partnership.objects.get()
    agreement.refresh_from_db()
    introduction = agreement.introduction
    assert (agreement.status, agreement.partnership, agreement.in_force_on) == (
        "in_force",
        partnership,
        dt.date(2026, 3, 1),
    )
    assert (partnership.since, partnership.review_on, introduction.stage) == (
        dt.date(2026, 3, 1),
        dt.date(2030, 5, 1),
        "agreement",
    )
    assert introduction.pair.block_reason == "partners"
    refused(lambda: confirmed(world, agreement, "b"), WrongState)
    refused(lambda: reopen(world, agreement), WrongState)
    topics = list(
        Event.objects.filter(
            topic__in=["agreement_recorded", "partnership_begun", "introduction_moved"]
        ).values_list("topic", flat=True)
    )
    assert sorted(topics) == ["agreement_recorded", "introduction_moved", "partnership_begun"]


def test_closed_introduction_takes_no_signature(world: World) -> None:
    agreement = signing(world)
    Introduction.objects.filter(pk=agreement.introduction_id).update(
        stage="closed", close_reason="other"
    )
    refused(lambda: confirmed(world, agreement, "a"), WrongState)


def test_friendship_becomes_sister_with_its_history(world: World) -> None:
    partnership = agreed(world, form="friendship", areas=["culture"])
    why = partnership.why
    introduction = partnership.agreement.introduction
    sister = signing(
        world, introduction, form="sister", areas=["trade"], review_on=dt.date(2033, 1, 1)
    )
    assert sister.partnership == partnership
    confirmed(world, sister, "a", signed_on=dt.date(2026, 6, 1))
    confirmed(world, sister, "b", signed_on=dt.date(2026, 6, 2))
    partnership.refresh_from_db()
    assert Partnership.objects.count() == 1
    assert (partnership.form, partnership.agreement, partnership.since) == (
        "sister",
        sister,
        dt.date(2026, 2, 1),
    )
    assert partnership.review_on == dt.date(2033, 1, 1)
    assert [a.form for a in partnership.agreements.order_by("in_force_on")] == [
        "friendship",
        "sister",
    ]
    assert partnership.why == why
    told = Event.objects.filter(topic="agreement_recorded").latest("id")
    assert {n.community_id for n in notifications_for(told)} == {world.a.pk, world.b.pk}
    assert "is in force" in describe(notifications_for(told)[0]).sentences[0]


def test_agreed_pair_needs_no_second_introduction(world: World) -> None:
    agreed(world)
    with pytest.raises(Conflict):
        open_introduction(
            by=world.user("curator"), pair_id=world.pair.pk, because="They want a project too."
        )


@pytest.mark.parametrize("member", [None, "a", "b", "lapsed", "ended"])
@pytest.mark.parametrize("highest", [True, False])
def test_recognition_is_derived_alike_by_row_and_by_query(
    world: World, member: str | None, highest: bool
) -> None:
    partnership = agreed(world, highest=highest)
    if member in {"a", "b"}:
        MembershipFactory(community=getattr(world, member))
    elif member == "lapsed":
        MembershipFactory(community=world.a, standing="lapsed")
    elif member == "ended":
        MembershipFactory(community=world.a, ended_on=dt.date(2025, 1, 1))
    recognised = highest and member in {"a", "b"}
    assert is_recognised(partnership.agreement) is recognised
    row: Any = living_partnerships().get(pk=partnership.pk)
    assert row.recognised is recognised


def test_table_is_total_and_every_change_leaves_its_event(world: World) -> None:
    assert set(AGREEMENT_TRANSITIONS) == set(Agreement.Status)
    curator = world.user("curator")
    agreement = signing(world)
    reopen_agreement(by=curator, agreement_id=agreement.pk)
    offer_agreement(by=curator, agreement_id=agreement.pk)
    give_up_agreement(by=curator, agreement_id=agreement.pk)
    told = Event.objects.filter(topic="agreement_status_changed", subject_id=agreement.pk).order_by(
        "id"
    )
    assert [(e.payload["old"], e.payload["new"]) for e in told] == [
        ("draft", "signing"),
        ("signing", "draft"),
        ("draft", "signing"),
        ("signing", "withdrawn"),
    ]
    refused(lambda: offer_agreement(by=curator, agreement_id=agreement.pk), WrongState)
