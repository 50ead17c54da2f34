from __future__ import annotations

from django.apps import AppConfig
from django.urls import register_converter


class WebConfig(AppConfig):
    name = "backend.web"
    label = "web"

    def ready(self) -> None:
        from backend.web.rest.base import IdConverter

        register_converter(IdConverter, "id")
