from django.apps import AppConfig


class CitiesConfig(AppConfig):
    name = "backend.cities"
    label = "cities"
