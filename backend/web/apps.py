"""The web as an app: here nothing is imported that only requests need, since every process of the
service loads it.
"""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.urls import register_converter
from django.utils.module_loading import autodiscover_modules

from backend.common.bounds import LARGEST_ID


class IdConverter:
    """A primary key: 1 to 2⁶³−1. A larger number is no address at all, so it cannot reach the
    database.
    """

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number > LARGEST_ID:
            raise ValueError(value)
        return number

    def to_url(self, value: int | str) -> str:
        return str(value)


class WebConfig(AppConfig):
    name = "backend.web"
    label = "web"

    def ready(self) -> None:
        """Also what apps below need once all are loaded: receivers of signals, and the notices that
        each app declares.
        """
        autodiscover_modules(
            "notices",
            "membership_notices",
            "partnership_notices",
            "search_notices",
            "ticket_notices",
        )
        import_module("backend.accounts.services")
        register_converter(IdConverter, "id")
