from backend.cities.services.contacts import (
    ContactEntry,
    break_glass,
    read_contacts,
    replace_contacts,
)
from backend.cities.services.existing import answer_partnership, propose_partnerships
from backend.cities.services.freshness import (
    mark_stale_profiles,
    remind_owners,
    resume_paused_profiles,
)
from backend.cities.services.letters import attach_letter, erase_letters_of, read_letter
from backend.cities.services.member_imports import apply_members, check_members, counts_of
from backend.cities.services.memberships import (
    announce_ending_memberships,
    begin_membership,
    change_membership,
    end_membership,
    lapse_memberships,
    renew_membership,
)
from backend.cities.services.profiles import draft_errors, save_draft, submit_profile
from backend.cities.services.publishing import (
    confirm_profile,
    mark_fulfilled,
    pause_profile,
    republish_profile,
    resume_profile,
    withdraw_profile,
)
from backend.cities.services.registration import register_community
from backend.cities.services.vetting import answer_changes, approve_profile, request_changes

__all__ = [
    "ContactEntry",
    "announce_ending_memberships",
    "answer_changes",
    "answer_partnership",
    "apply_members",
    "approve_profile",
    "attach_letter",
    "begin_membership",
    "break_glass",
    "change_membership",
    "check_members",
    "confirm_profile",
    "counts_of",
    "draft_errors",
    "end_membership",
    "erase_letters_of",
    "lapse_memberships",
    "mark_fulfilled",
    "mark_stale_profiles",
    "pause_profile",
    "propose_partnerships",
    "read_contacts",
    "read_letter",
    "register_community",
    "remind_owners",
    "renew_membership",
    "replace_contacts",
    "republish_profile",
    "request_changes",
    "resume_paused_profiles",
    "resume_profile",
    "save_draft",
    "submit_profile",
    "withdraw_profile",
]
