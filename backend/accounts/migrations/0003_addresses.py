"""Each account gets the row of its address that sign-in asks for. Nobody has mail at the sample world's addresses: they count as confirmed."""

from django.db import migrations


def add_addresses(apps, schema_editor):
    users, addresses = apps.get_model("accounts", "User"), apps.get_model("account", "EmailAddress")
    known = set(addresses.objects.values_list("user_id", flat=True))
    addresses.objects.bulk_create(
        [
            addresses(user_id=pk, email=email, verified=is_sample, primary=is_sample)
            for pk, email, is_sample in users.objects.values_list("pk", "email", "is_sample")
            if pk not in known
        ],
        batch_size=1000,
    )
    addresses.objects.filter(user__is_sample=True).update(verified=True, primary=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_erasure_mails_tokens"), ("account", "0009_emailaddress_unique_primary_email")]
    operations = [migrations.RunPython(add_addresses, migrations.RunPython.noop)]
