from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("cities", "0002_versions_immutable")]
    operations = [
        migrations.CreateModel(
            name="ReferenceLoad",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "content_hash",
                    models.CharField(help_text="SHA-256 of the carried files and the version of what else went in", max_length=64),
                ),
                ("rows", models.PositiveIntegerField()),
                ("loaded_at", models.DateTimeField(auto_now=True)),
            ],
        ),
    ]
