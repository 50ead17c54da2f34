"""Once listed what kinds there are: choices are no part of the schema, see 0001."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_once_a_side")]
    operations = []
