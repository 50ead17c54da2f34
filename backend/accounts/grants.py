"""The roles in a community, and one table of grants: what each kind of actor may do with each kind
of resource. Deny by default.

Whose resource it is (own community, own introduction) is checked by the ``permissions`` module of
its app; this table only says whether that kind of actor may do it at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _

from backend.common.errors import NotVisible


class Role(models.TextChoices):
    """What a person is to a community. Once staff have confirmed the person, the role acts as the
    ``Actor`` of the same name.
    """

    OFFICIAL = "official", _("Official")
    COMMITTEE_MEMBER = "committee_member", _("Committee member")
    CHAIR = "chair", _("Committee chair")
    # Helps with open meetings and calls; has no part in the search for partners
    VOLUNTEER = "volunteer", _("Volunteer")


# Each may answer, publish or invite; a community always keeps one of them.
RESPONSIBLE = (Role.OFFICIAL, Role.CHAIR)


class Actor(StrEnum):
    VISITOR = "visitor"
    UNVETTED = "unvetted"
    OFFICIAL = Role.OFFICIAL.value
    COMMITTEE_MEMBER = Role.COMMITTEE_MEMBER.value
    CHAIR = Role.CHAIR.value
    VOLUNTEER = Role.VOLUNTEER.value
    CURATOR = "curator"
    ADMIN = "admin"


class Verb(StrEnum):
    """What is done. The table writes the letters, several in one word: "CRU"."""

    READ = "R"
    CREATE = "C"
    UPDATE = "U"
    DELETE = "D"
    ACT = "X"  # whatever else the resource knows: answer, publish, confirm, consent


class Resource(StrEnum):
    PUBLIC = "public"  # published profiles, the directory
    DRAFT = "draft"
    LETTER = "letter"
    # Of partnerships that others name; X: say whether they are active, dormant, ended or none
    STATEMENT = "statement"
    PICTURE = "picture"  # on the public page: of communities whose people staff have confirmed
    CONTACTS_BEFORE_CONSENT = "contacts_before_consent"
    CONTACTS_AFTER_CONSENT = "contacts_after_consent"
    SUGGESTION = "suggestion"
    ANSWER = "answer"
    # Naming a community that one would like to meet; X: staff accept or decline. The named one
    # learns nothing of it.
    PARTNER_REQUEST = "partner_request"
    # Comments and votes: C and U one's own; X: set a colleague's vote aside, with a reason, or put
    # it back. Nobody deletes another's.
    REVIEW = "review"
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
    STATISTICS = "statistics"  # the staff overview
    MEMBERSHIP = "membership"  # of communities in the network: kept by curators
    # A community asks to become or to stay a member: C, also what it writes afterwards; X: staff
    # answer
    MEMBERSHIP_REQUEST = "membership_request"
    # What a community opens to everybody, an open meeting or a call for help. C: a draft, which
    # those with X publish; everybody takes back their own
    CALL = "call"
    # What people write to its organisation, and its own words on how partnerships come about; X:
    # answer, write
    VOLUNTEERS = "volunteers"
    PEOPLE = "people"  # members and invitations of a community
    JOINING = "joining"  # requests to join a community: read and answered by its people and staff
    # Messages to staff: everybody writes one and reads one's own; X: answer, take, close
    TICKET = "ticket"
    TOKENS = "tokens"  # API tokens: one's own; staff see everybody's, administrators end them
    AUDIT_ALL = "audit_all"
    AUDIT_OWN = "audit_own"
    ROLES = "roles"
    OPERATIONS = "operations"  # runs, dead letters, outgoing mail


GRANTS: Mapping[Resource, Mapping[Actor, str]] = {
    Resource.PUBLIC: dict.fromkeys(Actor, "R"),
    Resource.DRAFT: {
        Actor.UNVETTED: "CRUX",
        Actor.OFFICIAL: "CRUX",
        Actor.CURATOR: "RU",
        Actor.ADMIN: "R",
    },
    Resource.STATEMENT: {
        Actor.OFFICIAL: "RX",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
    },
    Resource.PICTURE: {Actor.OFFICIAL: "UD", Actor.CURATOR: "D"},
    Resource.LETTER: {Actor.UNVETTED: "CR", Actor.OFFICIAL: "CR", Actor.CURATOR: "R"},
    # X: an administrator breaks the glass, with a reason that stays in the trail.
    Resource.CONTACTS_BEFORE_CONSENT: {
        Actor.UNVETTED: "RU",
        Actor.OFFICIAL: "RU",
        Actor.CURATOR: "R",
        Actor.ADMIN: "X",
    },
    Resource.CONTACTS_AFTER_CONSENT: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "R",
    },
    Resource.SUGGESTION: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "CRU",
        Actor.ADMIN: "R",
    },
    Resource.PARTNER_REQUEST: {
        Actor.OFFICIAL: "CR",
        Actor.COMMITTEE_MEMBER: "CR",
        Actor.CHAIR: "CR",
        Actor.CURATOR: "RX",
        Actor.ADMIN: "R",
    },
    Resource.ANSWER: {Actor.OFFICIAL: "X", Actor.CHAIR: "X"},
    Resource.REVIEW: {
        Actor.OFFICIAL: "CRUX",
        Actor.COMMITTEE_MEMBER: "CRU",
        Actor.CHAIR: "CRUX",
        Actor.CURATOR: "R",
    },
    Resource.CURATION: {Actor.CURATOR: "X"},
    Resource.INTRODUCTION: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "CRUX",
        Actor.ADMIN: "R",
    },
    Resource.CONSENT: {Actor.OFFICIAL: "X", Actor.CHAIR: "X"},  # staff never consent for a side
    Resource.AGREEMENT: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "CRUX",
        Actor.ADMIN: "R",
    },
    # Staff never confirm for a side
    Resource.SIGNATURE: {Actor.OFFICIAL: "CX", Actor.CHAIR: "CX", Actor.CURATOR: "C"},
    Resource.PARTNERSHIP: {
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
        Actor.CURATOR: "RX",
        Actor.ADMIN: "R",
    },
    Resource.ACTIVITY: {Actor.OFFICIAL: "CD", Actor.COMMITTEE_MEMBER: "C", Actor.CHAIR: "CD"},
    Resource.PARTNERSHIP_DECISION: {Actor.OFFICIAL: "X", Actor.CHAIR: "X"},
    Resource.STATISTICS: {Actor.CURATOR: "R", Actor.ADMIN: "R"},
    Resource.MEMBERSHIP: {Actor.CURATOR: "CRU", Actor.ADMIN: "R"},
    Resource.MEMBERSHIP_REQUEST: {
        Actor.OFFICIAL: "CR",
        Actor.CHAIR: "CR",
        Actor.CURATOR: "RX",
        Actor.ADMIN: "R",
    },
    Resource.CALL: {
        Actor.OFFICIAL: "RCX",
        Actor.COMMITTEE_MEMBER: "RC",
        Actor.CHAIR: "RCX",
        Actor.VOLUNTEER: "RC",
    },
    Resource.VOLUNTEERS: {
        Actor.OFFICIAL: "RX",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "RX",
    },
    Resource.PEOPLE: {
        Actor.OFFICIAL: "CRUD",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "CRUD",
        Actor.CURATOR: "R",
        Actor.ADMIN: "CRUD",
    },
    Resource.JOINING: {
        Actor.OFFICIAL: "RX",
        Actor.CHAIR: "RX",
        Actor.CURATOR: "RX",
        Actor.ADMIN: "RX",
    },
    Resource.TICKET: dict.fromkeys(Actor, "C") | {Actor.CURATOR: "CRX", Actor.ADMIN: "CRX"},
    Resource.TOKENS: {
        Actor.UNVETTED: "CRD",
        Actor.OFFICIAL: "CRD",
        Actor.COMMITTEE_MEMBER: "CRD",
        Actor.CHAIR: "CRD",
        Actor.CURATOR: "CR",
        Actor.ADMIN: "CRD",
    },
    Resource.AUDIT_ALL: {Actor.CURATOR: "R", Actor.ADMIN: "R"},
    Resource.AUDIT_OWN: {
        Actor.UNVETTED: "R",
        Actor.OFFICIAL: "R",
        Actor.COMMITTEE_MEMBER: "R",
        Actor.CHAIR: "R",
    },
    Resource.ROLES: {Actor.ADMIN: "CRU"},
    Resource.OPERATIONS: {Actor.CURATOR: "RX", Actor.ADMIN: "RX"},
}


def may(actor: Actor, verb: Verb, resource: Resource) -> bool:
    """True if that kind of actor may do ``verb`` with that kind of resource."""
    return verb in GRANTS[resource].get(actor, "")


def roles_that_may(verb: Verb, resource: Resource) -> tuple[Role, ...]:
    """The roles in a community that may do ``verb`` with such a resource, once confirmed."""
    return tuple(role for role in Role if may(Actor(role.value), verb, resource))


def require(actor: Actor, verb: Verb, resource: Resource) -> None:
    """Raises NotVisible unless granted: an object that a person may not see is answered like one
    that does not exist.
    """
    if not may(actor, verb, resource):
        raise NotVisible
