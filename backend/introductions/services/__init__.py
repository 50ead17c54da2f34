from backend.introductions.services.agreements import is_recognised, record_agreement
from backend.introductions.services.consents import contacts_for, give_consent, withdraw_consent
from backend.introductions.services.introducing import assign, move, open_card_for_mutual, open_introduction

__all__ = [
    "assign",
    "contacts_for",
    "give_consent",
    "is_recognised",
    "move",
    "open_card_for_mutual",
    "open_introduction",
    "record_agreement",
    "withdraw_consent",
]
