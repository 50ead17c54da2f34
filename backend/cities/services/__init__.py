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
    "attach_letter",
    "confirm_profile",
    "draft_errors",
    "mark_fulfilled",
    "mark_stale_profiles",
    "pause_profile",
    "publish_profile",
    "register_community",
    "republish_profile",
    "request_changes",
    "resume_profile",
    "save_draft",
    "submit_profile",
    "withdraw_profile",
]
