"""Language tags and writing directions of what people wrote themselves."""

from __future__ import annotations

from backend.cities.models import Community

_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ku", "nqo", "ps", "sd", "syr", "ug", "ur", "yi"})


def direction(language: str) -> str:
    """ "rtl" or "ltr" for an ISO 639 code."""
    return "rtl" if language.split("-")[0] in _RIGHT_TO_LEFT else "ltr"


def local_language(community: Community) -> str:
    """The language that the community's own name is most likely in: the first of its country's. Empty where none is known."""
    languages = community.country.languages
    return languages[0] if languages else ""
