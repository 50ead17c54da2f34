from backend.introductions.models.agreements import Agreement, Form, Signatory
from backend.introductions.models.introductions import Consent, Introduction
from backend.introductions.models.partnerships import Partnership

__all__ = ["Agreement", "Consent", "Form", "Introduction", "Partnership", "Signatory"]
