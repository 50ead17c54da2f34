from backend.introductions.models.agreements import Agreement, AgreementTemplate, AgreementVersion, Form, Signatory, SignedDocument
from backend.introductions.models.introductions import Consent, Introduction
from backend.introductions.models.partnerships import Activity, Partnership, Renewal, StatusChange, YearlyReport

__all__ = [
    "Activity",
    "Agreement",
    "AgreementTemplate",
    "AgreementVersion",
    "Consent",
    "Form",
    "Introduction",
    "Partnership",
    "Renewal",
    "Signatory",
    "SignedDocument",
    "StatusChange",
    "YearlyReport",
]
