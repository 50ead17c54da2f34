"""Consent of each side, and the contacts that open only under both."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Count, Exists, Q
from django.utils.translation import gettext as _

from backend.accounts.grants import Actor, Thing, may
from backend.accounts.models import User
from backend.cities.models import Contact
from backend.cities.permissions import actor_kind, require_in
from backend.common.clock import database_now
from backend.common.errors import NotVisible, WrongState
from backend.introductions.models import Consent, Introduction
from backend.introductions.services.locking import lock_introduction
from backend.outbox.services import record
from backend.outbox.topics import Topic

_I = Introduction.Stage


def _lock_as_side(introduction_id: int, community_id: int, by: User) -> Introduction:
    require_in(by, community_id, "X", Thing.CONSENT)
    introduction = lock_introduction(introduction_id)
    if community_id not in (introduction.pair.a_id, introduction.pair.b_id):
        raise NotVisible
    if introduction.stage == _I.TO_INTRODUCE:
        raise NotVisible  # before the two are introduced only staff know of it
    return introduction


@transaction.atomic
def give_consent(*, by: User, introduction_id: int, community_id: int) -> Consent:
    """One side agrees that the other may read its contacts, in this introduction.

    Raises:
        NotVisible: not introduced yet, or not theirs to give; staff never consent for a side.
        WrongState: closed, or given already.
    """
    introduction = _lock_as_side(introduction_id, community_id, by)
    if introduction.stage == _I.CLOSED:
        raise WrongState(
            _(
                "Consent is asked for once staff have introduced you, and until the introduction is closed."
            )
        )
    if introduction.consents.filter(community_id=community_id, withdrawn_at__isnull=True).exists():
        raise WrongState(_("Your side has consented already."))
    consent = Consent.objects.create(introduction=introduction, community_id=community_id, by=by)
    record(Topic.CONSENT_GIVEN, subject=introduction, by=by, community_id=community_id)
    return consent


@transaction.atomic
def withdraw_consent(*, by: User, introduction_id: int, community_id: int) -> None:
    """Takes the consent back: from the next read on, both sides' contacts are hidden. Raises
    NotVisible, WrongState.
    """
    introduction = _lock_as_side(introduction_id, community_id, by)
    active = Consent.objects.filter(
        introduction=introduction, community_id=community_id, withdrawn_at__isnull=True
    )
    if active.update(withdrawn_at=database_now(), withdrawn_by=by) != 1:
        raise WrongState(_("There is no consent of your side to withdraw."))
    record(Topic.CONSENT_WITHDRAWN, subject=introduction, by=by, community_id=community_id)


@transaction.atomic
def contacts_for(
    user: User | AnonymousUser, introduction_id: int, community_id: int
) -> list[Contact]:
    """The other side's contacts, read together with both consents in one statement; empty while
    they are not open.

    Who reads contacts leaves a trace in the trail of those who are read.

    Args:
        community_id: the reader's own side.

    Raises:
        NotVisible: no such introduction, or no role in that side.
    """
    actor = actor_kind(user, community_id)
    if actor in (Actor.CURATOR, Actor.ADMIN) or not may(actor, "R", Thing.CONTACTS_AFTER_CONSENT):
        raise NotVisible
    pair = (
        Introduction.objects.filter(pk=introduction_id)
        .values_list("pair__a_id", "pair__b_id")
        .first()
    )
    if pair is None or community_id not in pair:
        raise NotVisible
    other = pair[1] if pair[0] == community_id else pair[0]
    consented = (
        Introduction.objects.filter(pk=introduction_id)
        .exclude(stage__in=(_I.TO_INTRODUCE, _I.CLOSED))
        .annotate(sides=Count("consents", filter=Q(consents__withdrawn_at__isnull=True)))
        .filter(sides=2)
        .values("pk")
    )
    found = list(
        Contact.objects.filter(Exists(consented), organisation__community_id=other).order_by(
            "-is_primary", "name"
        )
    )
    if found and isinstance(user, User):
        record(
            Topic.CONTACTS_READ,
            subject=(Introduction, introduction_id),
            by=user,
            community_id=other,
            contacts=len(found),
        )
    return found
