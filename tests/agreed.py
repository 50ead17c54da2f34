"""From an introduction to an agreement and a partnership, through the real services, for tests that
begin after it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from backend.introductions.models import Agreement, Introduction, Partnership
from backend.introductions.services.agreements import add_document, confirm_signature
from backend.introductions.services.drafts import begin_draft, offer_agreement, save_version
from tests.actors import World
from tests.letters import pdf

SIDES = {"a": "official", "b": "chair"}  # who acts for which side in `make_world`
SIGNED = dt.date(2026, 2, 1)


def terms(world: World, **values: Any) -> dict[str, Any]:
    """A complete version; ``values`` replace its parts."""
    given: dict[str, Any] = {
        "form": "sister",
        "areas": ["culture"],
        "languages": ["en", "de"],
        "term_years": None,
        "review_on": dt.date(2030, 5, 1),
        "signatories": [
            {"community_id": world.a.pk, "name": "Alex Doe", "office": "Mayor"},
            {"community_id": world.b.pk, "name": "Kim Roe", "office": "Lord Mayor"},
        ],
        "text": "# Agreement\n\n{first} and {second} work together in {areas}.",
    }
    return given | values


def document() -> SimpleUploadedFile:
    return SimpleUploadedFile("signed.pdf", pdf())


def drafted(world: World, introduction: Introduction | None = None, **values: Any) -> Agreement:
    """A complete draft in its second version."""
    card = introduction or world.introduced()
    given = terms(world, **values)
    curator = world.user("curator")
    agreement = begin_draft(by=curator, introduction_id=card.pk, form=given["form"])
    save_version(by=curator, agreement_id=agreement.pk, based_on=1, **given)
    return agreement


def signing(world: World, introduction: Introduction | None = None, **values: Any) -> Agreement:
    """Before both sides, the signed document sent."""
    agreement = offer_agreement(
        by=world.user("curator"), agreement_id=drafted(world, introduction, **values).pk
    )
    add_document(
        by=world.user("official"),
        agreement_id=agreement.pk,
        community_id=world.a.pk,
        upload=document(),
    )
    return agreement


def confirmed(world: World, agreement: Agreement, side: str, **values: Any) -> Agreement:
    given: dict[str, Any] = {
        "name": "Alex Doe",
        "office": "Mayor",
        "is_highest_official": True,
        "signed_on": SIGNED,
    }
    return confirm_signature(
        by=world.user(SIDES[side]),
        agreement_id=agreement.pk,
        community_id=getattr(world, side).pk,
        **(given | values),
    )


def agreed(
    world: World,
    introduction: Introduction | None = None,
    *,
    highest: bool = True,
    since: dt.date = SIGNED,
    **values: Any,
) -> Partnership:
    """A partnership that has begun: both sides have confirmed. ``highest`` is what side b says of
    its signatory.
    """
    agreement = signing(world, introduction, **values)
    confirmed(world, agreement, "a", signed_on=since)
    confirmed(world, agreement, "b", signed_on=since, is_highest_official=highest)
    return Partnership.objects.get(agreement=agreement)
