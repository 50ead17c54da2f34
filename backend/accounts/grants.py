"""One table of grants: what each kind of actor may do with each kind of object. Deny by default.

R read, C create, U update, D delete, X act. Whose object it is (own community, own introduction) is
checked by the ``permissions`` module of the app that knows; this table only says whether that kind
of actor may do it at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from backend.common.errors import NotVisible


class Actor(StrEnum):
    VISITOR = "visitor"
    UNVETTED = "unvetted"
    OFFICIAL = "official"
    COMMITTEE_MEMBER = "committee_member"
    CHAIR = "chair"
    CURATOR = "curator"
    ADMIN = "admin"


class Thing(StrEnum):
    PUBLIC = "public"  # published profiles, the directory
    DRAFT = "draft"
    LETTER = "letter"
    CONTACTS_BEFORE_CONSENT = "contacts_before_consent"
    CONTACTS_AFTER_CONSENT = "contacts_after_consent"
    SUGGESTION = "suggestion"
    ANSWER = "answer"
    REVIEW = "review"  # comments and votes: C and U one's own, D anybody's of one's community
    CURATION = "curation"  # release, hold, vet, move: what only curators do
    INTRODUCTION = "introduction"
    CONSENT = "consent"
    # Templates, drafts and versions are staff's; the sides read what is put before them
    AGREEMENT = "agreement"
    SIGNATURE = "signature"  # a side sends the signed document and confirms its own signature
    PARTNERSHIP = "partnership"  # X: what staff may do where nobody answers any more
    ACTIVITY = (
        "activity"  # what the two did together: C and D one's own, D anybody's of one's community
    )
    PARTNERSHIP_DECISION = (
        "partnership_decision"  # report, renew, suspend, end, …: a side's own, never staff's
    )
    FIGURES = "figures"  # the staff overview
    MEMBERSHIP = "membership"  # of communities in the network: kept by curators
    PEOPLE = "people"  # members and invitations of a community
    JOINING = "joining"  # requests to join a community: read and answered by its people and staff
    TOKENS = "tokens"  # API tokens: one's own; staff see everybody's, administrators end them
    AUDIT_ALL = "audit_all"
    AUDIT_OWN = "audit_own"
    ROLES = "roles"
    OPERATIONS = "operations"  # runs, dead letters, outgoing mail


GRANTS: Mapping[Thing, Mapping[Actor, str]] = {
    Thing.PUBLIC: dict.fromkeys(Actor, "R"),
    Thing.DRAFT: {
        Actor.UNVETTED: "CRUX",
        Actor.OFFICIAL: "CRUX",
        Actor.CURATOR: "RU",
        Actor.ADMIN: "R",
    },
    Thing.LETTER: {Actor.UNVETTED: "CR", Actor.OFFICIAL: "CR", Actor.CURATOR: "R"},
    # X: an administrator breaks the glass, with a reason that stays in the trail.
    Thing.CONTACTS_BEFORE_CONSENT: {
        Actor.UNVETTED: "RU",
        Actor.OFFICIAL: "RU",
        Actor.CURATOR: "R",
        Actor.ADMIN: "X",
    },
    Thing.CONTACTS_AFTER_CONSENT: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "R",
    },
    Thing.SUGGESTION: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "CRU",
        Actor.ADMIN: "R",
    },
    Thing.ANSWER: {Actor.OFFICIAL: "X", Actor.CHAIR: "X"},
    Thing.REVIEW: {
        Actor.OFFICIAL: "CRUD",
        Actor.COMMITTEE_MEMBER: "CRU",
        Actor.CHAIR: "CRUD",
        Actor.CURATOR: "R",
    },
    Thing.CURATION: {Actor.CURATOR: "X"},
    Thing.INTRODUCTION: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "CRUX",
        Actor.ADMIN: "R",
    },
    Thing.CONSENT: {Actor.OFFICIAL: "X", Actor.CHAIR: "X"},  # staff never consent for a side
    Thing.AGREEMENT: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "CRUX",
        Actor.ADMIN: "R",
    },
    Thing.SIGNATURE: {
        Actor.OFFICIAL: "CX",
        Actor.CHAIR: "CX",
        Actor.CURATOR: "C",
    },  # staff never confirm for a side
    Thing.PARTNERSHIP: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "RX",
        Actor.ADMIN: "R",
    },
    Thing.ACTIVITY: {Actor.OFFICIAL: "CD", Actor.COMMITTEE_MEMBER: "C", Actor.CHAIR: "CD"},
    Thing.PARTNERSHIP_DECISION: {Actor.OFFICIAL: "X", Actor.CHAIR: "X"},
    Thing.FIGURES: {Actor.CURATOR: "R", Actor.ADMIN: "R"},
    Thing.MEMBERSHIP: {Actor.CURATOR: "CRU", Actor.ADMIN: "R"},
    Thing.PEOPLE: {
        Actor.OFFICIAL: "CRUD",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "CRUD",
        Actor.CURATOR: "R",
        Actor.ADMIN: "CRUD",
    },
    Thing.JOINING: {
        Actor.OFFICIAL: "RX",
        Actor.CHAIR: "RX",
        Actor.CURATOR: "RX",
        Actor.ADMIN: "RX",
    },
    Thing.TOKENS: {
        Actor.OFFICIAL: "CRD",
        Actor.CHAIR: "CRD",
        Actor.CURATOR: "R",
        Actor.ADMIN: "RD",
    },
    Thing.AUDIT_ALL: {Actor.CURATOR: "R", Actor.ADMIN: "R"},
    Thing.AUDIT_OWN: {
        Actor.UNVETTED: "R",
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
    },
    Thing.ROLES: {Actor.ADMIN: "CRU"},
    Thing.OPERATIONS: {Actor.CURATOR: "RX", Actor.ADMIN: "RX"},
}


def may(actor: Actor, verb: str, thing: Thing) -> bool:
    """Whether that kind of actor may do ``verb`` (one of CRUDX) with that kind of object."""
    return verb in GRANTS[thing].get(actor, "")


def require(actor: Actor, verb: str, thing: Thing) -> None:
    """Raises NotVisible unless granted: what a person may not see answers like something that does
    not exist.
    """
    if not may(actor, verb, thing):
        raise NotVisible
