"""The life of a suggestion and of each side's answer, as total tables."""

from __future__ import annotations

from backend.common.transitions import Transitions
from backend.suggestions.models import Suggestion

_S = Suggestion.Status
SUGGESTION_TRANSITIONS: Transitions = {
    _S.PROPOSED: frozenset({_S.RELEASED, _S.HELD, _S.SUPERSEDED}),
    _S.HELD: frozenset({_S.RELEASED, _S.SUPERSEDED}),
    _S.RELEASED: frozenset(
        {_S.HELD, _S.MUTUAL, _S.DECLINED, _S.EXPIRED, _S.WITHDRAWN, _S.SUPERSEDED}
    ),
    _S.MUTUAL: frozenset({_S.INTRODUCED, _S.WITHDRAWN}),
    _S.INTRODUCED: frozenset({_S.WITHDRAWN}),
    # An exclusion rule takes back what a side still sees as open, also where the other side has
    # closed it in secret.
    _S.DECLINED: frozenset({_S.SUPERSEDED}),
    _S.EXPIRED: frozenset(),
    _S.WITHDRAWN: frozenset({_S.SUPERSEDED}),
    _S.SUPERSEDED: frozenset(),
}

_A = Suggestion.SideState
SIDE_TRANSITIONS: Transitions = {
    _A.PENDING: frozenset({_A.INTERESTED, _A.DECLINED, _A.EXPIRED}),
    _A.INTERESTED: frozenset({_A.WITHDRAWN, _A.EXPIRED}),
    _A.DECLINED: frozenset(),
    _A.EXPIRED: frozenset(),
    _A.WITHDRAWN: frozenset(),
}

# What an answer falls back to when it is undone before it takes effect.
UNDO_TRANSITIONS: Transitions = {
    _A.PENDING: frozenset(),
    _A.INTERESTED: frozenset({_A.PENDING}),
    _A.DECLINED: frozenset({_A.PENDING}),
    _A.EXPIRED: frozenset(),
    _A.WITHDRAWN: frozenset({_A.INTERESTED}),
}
