from backend.introductions.services.activities import log_activity, retract_activity, save_report
from backend.introductions.services.agreements import (
    add_document,
    confirm,
    is_recognised,
    withdraw_confirmation,
)
from backend.introductions.services.consents import contacts_for, give_consent, withdraw_consent
from backend.introductions.services.drafting import (
    begin_draft,
    give_up,
    offer,
    reopen,
    save_version,
)
from backend.introductions.services.introducing import (
    assign,
    leave_introduction,
    move,
    open_card_for_mutual,
    open_introduction,
)
from backend.introductions.services.meetings import (
    accept_times,
    cancel_meeting,
    change_meeting,
    fix_meeting,
    propose_meeting,
    propose_other_times,
)
from backend.introductions.services.notes import write_note
from backend.introductions.services.partnerships import decide, renew
from backend.introductions.services.templates import save_template
from backend.introductions.services.upkeep import ask_for_reports, mark_dormant, mark_reviews_due

__all__ = [
    "accept_times",
    "add_document",
    "ask_for_reports",
    "assign",
    "begin_draft",
    "cancel_meeting",
    "change_meeting",
    "confirm",
    "contacts_for",
    "decide",
    "fix_meeting",
    "give_consent",
    "give_up",
    "is_recognised",
    "leave_introduction",
    "log_activity",
    "mark_dormant",
    "mark_reviews_due",
    "move",
    "offer",
    "open_card_for_mutual",
    "open_introduction",
    "propose_meeting",
    "propose_other_times",
    "renew",
    "reopen",
    "retract_activity",
    "save_report",
    "save_template",
    "save_version",
    "withdraw_confirmation",
    "withdraw_consent",
    "write_note",
]
