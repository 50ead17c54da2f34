from django.apps import AppConfig


class IntroductionsConfig(AppConfig):
    name = "backend.introductions"
    label = "introductions"
