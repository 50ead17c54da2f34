"""The release policy: what becomes of a new suggestion without anybody's doing."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.errors import InvalidFields
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import ReleasePolicy

_MODE = ReleasePolicy.Mode


@dataclass(frozen=True, slots=True)
class Policy:
    """How new suggestions are released; ``threshold`` (0 to 1) counts for the mode "above" alone."""

    mode: str
    threshold: float | None = None

    def releases(self, score: float) -> bool:
        """Whether a suggestion of that reciprocal score is shown to both sides by itself."""
        if self.mode == _MODE.ABOVE:
            return score >= (self.threshold or 0.0)
        return self.mode == _MODE.ALL


def policy_in_force() -> Policy:
    """The newest recorded policy; the service's own default until staff have set one."""
    row = ReleasePolicy.objects.order_by("-id").values_list("mode", "threshold").first()
    return Policy(*row) if row else Policy(settings.SUGGESTIONS["release"])


def policy_history(user: User | AnonymousUser) -> QuerySet[ReleasePolicy]:
    """All policies, the newest (the one in force) first. Raises NotVisible for others than staff."""
    require_staff(user, "R", Thing.SUGGESTION)
    return ReleasePolicy.objects.select_related("set_by").order_by("-id")


@transaction.atomic
def set_policy(
    *, by: User, mode: str, threshold: float | None = None, because: str
) -> ReleasePolicy:
    """Puts a policy in force from the next derivation on. What is held by hand stays held.

    Raises:
        NotVisible: no curator. InvalidFields: an unknown mode, a threshold outside of [0, 1] or
            with another mode, no reason.
    """
    require_staff(by, "X", Thing.CURATION)
    errors = {}
    if mode not in _MODE.values:
        errors["mode"] = [f"Choose one of: {', '.join(_MODE.values)}."]
    if mode == _MODE.ABOVE and (threshold is None or not 0 <= threshold <= 1):
        errors["threshold"] = [
            "Write the lowest score that is released by itself, from 0 to 1, for example 0.6."
        ]
    if mode != _MODE.ABOVE and threshold is not None:
        errors["threshold"] = ["Only the policy “above a score” has a score; leave it empty."]
    if not because.strip() or len(because) > 1000 or "\x00" in because:
        errors["because"] = ["Say in 1 to 1,000 characters why the policy changes."]
    if errors:
        raise InvalidFields(errors)
    policy = ReleasePolicy.objects.create(
        mode=mode, threshold=threshold, because=because.strip(), set_by=by
    )
    record(Topic.RELEASE_POLICY_SET, subject=policy, by=by, mode=mode, threshold=threshold)
    return policy
