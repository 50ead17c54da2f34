"""The board's columns and the life of a partnership, as total tables."""

from __future__ import annotations

from backend.common.transitions import Transitions
from backend.introductions.models import Agreement, Introduction, Meeting, Partnership

_I = Introduction.Stage
_OPEN = (
    _I.TO_INTRODUCE,
    _I.INTRODUCED,
    _I.FIRST_MEETING,
    _I.EXPLORING,
    _I.PROPOSAL,
    _I.COUNCIL_RESOLUTION,
)


def _moves(place: int) -> frozenset[str]:
    """Forward one column at a time: each is an act of its own, and none is skipped. Back to any
    column after the introduction, which both sides know of. A recorded agreement is an act that
    follows from any of these.
    """
    back, forward = _OPEN[1:place], _OPEN[place + 1 : place + 2]
    return frozenset({*back, *forward, _I.CLOSED} | ({_I.AGREEMENT} if place else set()))


INTRODUCTION_TRANSITIONS: Transitions = {
    **{stage: _moves(place) for place, stage in enumerate(_OPEN)},
    _I.AGREEMENT: frozenset(),
    _I.CLOSED: frozenset(),
}

_G = Agreement.Status
AGREEMENT_TRANSITIONS: Transitions = {
    _G.DRAFT: frozenset({_G.SIGNING, _G.WITHDRAWN}),
    _G.SIGNING: frozenset({_G.DRAFT, _G.IN_FORCE, _G.WITHDRAWN}),
    _G.IN_FORCE: frozenset(),
    _G.WITHDRAWN: frozenset(),
}

_P = Partnership.Status
_LIVING_ENDS = frozenset({_P.SUSPENDED, _P.ENDED})
PARTNERSHIP_TRANSITIONS: Transitions = {
    _P.ACTIVE: _LIVING_ENDS | {_P.REVIEW_DUE, _P.DORMANT},
    _P.REVIEW_DUE: _LIVING_ENDS | {_P.RENEWED, _P.DORMANT},
    _P.RENEWED: _LIVING_ENDS | {_P.REVIEW_DUE, _P.DORMANT},
    _P.DORMANT: _LIVING_ENDS | {_P.REVITALISING, _P.EMERITUS},
    _P.REVITALISING: _LIVING_ENDS | {_P.ACTIVE, _P.DORMANT},
    _P.SUSPENDED: frozenset({_P.ACTIVE, _P.ENDED}),
    _P.ENDED: frozenset(),
    _P.EMERITUS: frozenset({_P.REVITALISING, _P.ENDED}),
}

_M = Meeting.Status
# A fixed meeting is moved by being fixed again.
MEETING_TRANSITIONS: Transitions = {
    _M.PROPOSED: frozenset({_M.FIXED, _M.CANCELLED}),
    _M.FIXED: frozenset({_M.FIXED, _M.CANCELLED}),
    _M.CANCELLED: frozenset(),
}
