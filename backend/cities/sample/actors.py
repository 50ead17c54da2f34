"""The sample accounts with names of their own: who they are, and what each can try."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from backend.accounts.models import User
from backend.cities.sample.choice import (
    COMMITTEE_AT_HOME,
    NEWCOMER_ABROAD,
    OFFICIAL_ABROAD,
    OFFICIAL_AT_HOME,
)

DOMAIN = "sample.example"  # reserved by RFC 2606: no mail ever leaves for it


@dataclass(frozen=True, slots=True)
class Actor:
    """``place_id`` and ``role``: for which community they act, and as what; staff have neither."""

    mailbox: str
    name: str
    what_to_try: str
    place_id: int | None = None
    role: Literal["official", "chair", "committee_member", ""] = ""
    staff_role: str = User.StaffRole.NONE
    vetted: bool = True

    @property
    def email(self) -> str:
        return f"{self.mailbox}@{DOMAIN}"


ACTORS = (
    Actor("official", "Official abroad (sample)", "a city abroad: its suggestions, its profile, its answers", OFFICIAL_ABROAD, "official"),
    Actor("us.official", "U.S. official (sample)", "a U.S. city without a committee: the other side", OFFICIAL_AT_HOME, "official"),
    Actor("chair", "Committee chair (sample)", "a U.S. committee: read suggestions, answer for the city", COMMITTEE_AT_HOME, "chair"),
    Actor("member", "Committee member (sample)", "the same committee: read suggestions", COMMITTEE_AT_HOME, "committee_member"),
    Actor("newcomer", "Newcomer (sample)", "a registrant who waits for vetting", NEWCOMER_ABROAD, "official", vetted=False),
    Actor("curator", "Curator (sample)", "staff: vet registrants, release suggestions, introduce", staff_role=User.StaffRole.CURATOR),
    Actor("admin", "Administrator (sample)", "staff: the same and operations", staff_role=User.StaffRole.ADMIN),
)  # fmt: skip
