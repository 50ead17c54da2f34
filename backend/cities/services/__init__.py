from backend.cities.services.contacts import ContactEntry, read_contacts, replace_contacts
from backend.cities.services.existing import answer_partnership, propose_partnerships
from backend.cities.services.freshness import mark_stale_profiles, remind_owners, resume_paused_profiles
from backend.cities.services.letters import attach_letter, erase_letters_of, read_letter
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
    "answer_changes",
    "answer_partnership",
    "approve_profile",
    "attach_letter",
    "confirm_profile",
    "draft_errors",
    "erase_letters_of",
    "mark_fulfilled",
    "mark_stale_profiles",
    "pause_profile",
    "propose_partnerships",
    "read_contacts",
    "read_letter",
    "register_community",
    "remind_owners",
    "replace_contacts",
    "republish_profile",
    "request_changes",
    "resume_paused_profiles",
    "resume_profile",
    "save_draft",
    "submit_profile",
    "withdraw_profile",
]
