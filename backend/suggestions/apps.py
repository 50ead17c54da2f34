from django.apps import AppConfig


class SuggestionsConfig(AppConfig):
    name = "backend.suggestions"
    label = "suggestions"
