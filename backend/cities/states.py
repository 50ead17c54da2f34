"""The life of a profile, as one total table."""

from __future__ import annotations

from backend.cities.models import Profile
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
    _S.WITHDRAWN: frozenset({_S.SUBMITTED}),
}
