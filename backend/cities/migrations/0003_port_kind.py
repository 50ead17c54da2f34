"""A place's port by its kind, and what it means for drafts.

The column ``seaport`` stays in the table, for the release before still reads and fills it; nothing
else does.
"""

from django.db import migrations, models

SEAPORT, PORT = "seaport", "port"


def carry_over(apps, schema_editor):
    """Takes the old answer out of drafts: it counted depots on dry land as ports. A community's own
    correction stays where it can be kept: that there is no port. Published versions stay as they
    are; nothing reads the old answer in them but such a correction.
    """
    for profile in apps.get_model("cities", "Profile").objects.filter(
        draft__facts__has_key=SEAPORT
    ):
        provenance = profile.draft.get("provenance", {})
        kept = provenance.pop(f"facts.{SEAPORT}", None) or {}
        had = profile.draft["facts"].pop(SEAPORT)
        if had is False and kept.get("state") in (None, "corrected"):
            profile.draft["facts"].setdefault(PORT, "none")
        profile.draft = {group: answers for group, answers in profile.draft.items() if answers}
        profile.save(update_fields=["draft"])


class Migration(migrations.Migration):
    dependencies = [("cities", "0002_triggers")]

    operations = [
        migrations.AddField(
            model_name="place",
            name="port_kind",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="sea, lake, river or none; empty: not known. The rule is in SOURCES.md",
                max_length=5,
            ),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name="place", name="seaport")]
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
