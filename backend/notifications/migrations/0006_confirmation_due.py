"""Once listed what kinds there are: choices are no part of the schema, see 0001."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_agreements_and_partnerships")]
    operations = []
