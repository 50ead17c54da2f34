from backend.introductions.models.agreements import (
    Agreement,
    AgreementTemplate,
    AgreementType,
    AgreementVersion,
    Signatory,
    SignedDocument,
)
from backend.introductions.models.introductions import Consent, Introduction, IntroductionNote
from backend.introductions.models.meetings import (
    Call,
    Meeting,
    MeetingTime,
    PartnershipProcess,
    TimeAcceptance,
)
from backend.introductions.models.partnerships import (
    Activity,
    Partnership,
    Renewal,
    StatusChange,
    YearlyReport,
)

__all__ = [
    "Activity",
    "Agreement",
    "AgreementTemplate",
    "AgreementType",
    "AgreementVersion",
    "Call",
    "Consent",
    "Introduction",
    "IntroductionNote",
    "Meeting",
    "MeetingTime",
    "Partnership",
    "PartnershipProcess",
    "Renewal",
    "Signatory",
    "SignedDocument",
    "StatusChange",
    "TimeAcceptance",
    "YearlyReport",
]
