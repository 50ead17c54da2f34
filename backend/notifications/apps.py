from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class NotificationsConfig(AppConfig):
    name = "backend.notifications"
    label = "notifications"

    def ready(self) -> None:
        """Reads the notices that each app declares."""
        autodiscover_modules("notices", "partnership_notices")
