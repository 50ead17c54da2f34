from backend.cities.services.contacts import ContactEntry, read_contacts, replace_contacts
from backend.cities.services.letters import attach_letter, erase_letters_of, read_letter
from backend.cities.services.profiles import draft_errors, save_draft, submit_profile
from backend.cities.services.publishing import (
    confirm_profile,
    mark_fulfilled,
    mark_stale_profiles,
    pause_profile,
    republish_profile,
    resume_profile,
    withdraw_profile,
)
from backend.cities.services.registration import register_community
from backend.cities.services.vetting import answer_changes, approve_profile, request_changes

__all__ = [
    "answer_changes",
    "approve_profile",
    "erase_letters_of",
    "ContactEntry",
    "attach_letter",
    "confirm_profile",
    "draft_errors",
    "mark_fulfilled",
    "mark_stale_profiles",
    "pause_profile",
    "read_letter",
    "read_contacts",
    "register_community",
    "replace_contacts",
    "republish_profile",
    "request_changes",
    "resume_profile",
    "save_draft",
    "submit_profile",
    "withdraw_profile",
]
