"""The lives of a profile, of a partnership that it claims, of an invitation, of requests to join
and for membership, and of a ticket, as total tables.
"""

from __future__ import annotations

from backend.cities.models import (
    ExistingPartnership,
    Invitation,
    JoinRequest,
    MembershipRequest,
    Profile,
    Ticket,
)
from backend.common.transitions import Transitions

_S = Profile.Status
PROFILE_TRANSITIONS: Transitions = {
    _S.DRAFT: frozenset({_S.SUBMITTED, _S.WITHDRAWN}),
    _S.SUBMITTED: frozenset({_S.CHANGES_REQUESTED, _S.PUBLISHED, _S.WITHDRAWN}),
    _S.CHANGES_REQUESTED: frozenset({_S.SUBMITTED, _S.WITHDRAWN}),
    _S.PUBLISHED: frozenset({_S.PUBLISHED, _S.STALE, _S.PAUSED, _S.FULFILLED, _S.WITHDRAWN}),
    _S.STALE: frozenset({_S.PUBLISHED, _S.PAUSED, _S.FULFILLED, _S.WITHDRAWN}),
    _S.PAUSED: frozenset({_S.PUBLISHED, _S.FULFILLED, _S.WITHDRAWN}),
    _S.FULFILLED: frozenset({_S.PUBLISHED, _S.WITHDRAWN}),
    # Back as it was approved, or handed in once more
    _S.WITHDRAWN: frozenset({_S.PUBLISHED, _S.SUBMITTED}),
}

_E = ExistingPartnership.State
EXISTING_TRANSITIONS: Transitions = {
    _E.CLAIMED: frozenset({_E.CLAIMED, _E.CONFIRMED, _E.REFUSED, _E.DROPPED}),
    _E.CONFIRMED: frozenset({_E.CLAIMED, _E.REFUSED, _E.DROPPED}),
    _E.REFUSED: frozenset({_E.CLAIMED, _E.CONFIRMED, _E.DROPPED}),
    _E.DROPPED: frozenset({_E.CLAIMED}),
}

_I = Invitation.Status
INVITATION_TRANSITIONS: Transitions = {
    _I.PENDING: frozenset({_I.ACCEPTED, _I.REVOKED, _I.EXPIRED}),
    _I.ACCEPTED: frozenset(),
    _I.REVOKED: frozenset(),
    _I.EXPIRED: frozenset(),
}

_J = JoinRequest.Status
JOIN_TRANSITIONS: Transitions = {
    _J.WAITING: frozenset({_J.ACCEPTED, _J.REFUSED, _J.WITHDRAWN}),
    _J.ACCEPTED: frozenset(),
    _J.REFUSED: frozenset(),
    _J.WITHDRAWN: frozenset(),
}

_M = MembershipRequest.Status
MEMBERSHIP_REQUEST_TRANSITIONS: Transitions = {
    _M.WAITING: frozenset({_M.ASKED, _M.ACCEPTED, _M.PAID, _M.DECLINED, _M.WITHDRAWN}),
    _M.ASKED: frozenset({_M.WAITING, _M.ACCEPTED, _M.PAID, _M.DECLINED, _M.WITHDRAWN}),
    _M.ACCEPTED: frozenset({_M.ASKED, _M.PAID, _M.DECLINED, _M.WITHDRAWN}),
    _M.PAID: frozenset(),
    _M.DECLINED: frozenset(),
    _M.WITHDRAWN: frozenset(),
}

_T = Ticket.Status
TICKET_TRANSITIONS: Transitions = {
    # From closed too: who asked writes once more, or something was forgotten
    status: frozenset(_T)
    for status in _T
}
