from backend.cities.services.contacts import ContactEntry, read_contacts, replace_contacts
from backend.cities.services.profiles import draft_errors, save_draft, submit_profile
from backend.cities.services.publishing import (
    confirm_profile,
    mark_fulfilled,
    mark_stale_profiles,
    pause_profile,
    publish_profile,
    republish_profile,
    resume_profile,
    withdraw_profile,
)
from backend.cities.services.registration import register_community
from backend.cities.services.vetting import attach_letter, request_changes

__all__ = [
    "ContactEntry",
    "attach_letter",
    "confirm_profile",
    "draft_errors",
    "mark_fulfilled",
    "mark_stale_profiles",
    "pause_profile",
    "publish_profile",
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
