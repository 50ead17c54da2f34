"""Once widened what topics an event may have; 0008 does so for all of them at once, and the choices are no part of the schema."""

from django.conf import settings
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("outbox", "0006_agreements_and_partnerships"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = []
