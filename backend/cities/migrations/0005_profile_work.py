"""Who changed which answer, pauses that end, reminders, existing partnerships, and communities without a place told apart by spelling."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from backend.cities.names import community_key, searched_name
from backend.common.together import together


def fill_keys(apps, schema_editor):
    communities = apps.get_model("cities", "Community")
    for community in communities.objects.filter(place__isnull=True).order_by("pk"):
        community.name_key = community_key(community.name, community.kind)
        community.region_key = "" if community.kind in ("state", "province") else searched_name(community.admin1)
        same = communities.objects.filter(
            place__isnull=True, country=community.country, kind=community.kind, region_key=community.region_key, name_key=community.name_key
        )
        if same.exists():  # registered before spellings were compared: staff tell these two apart, nothing is lost
            community.name_key = f"{community.name_key} #{community.pk}"[-200:]
        community.save(update_fields=["name_key", "region_key"])


class Migration(migrations.Migration):
    dependencies = [("cities", "0004_placename"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = together([
        migrations.AddField(
            "profile",
            "answer_revisions",
            models.JSONField(
                default=dict,
                help_text="Revision at which each answer (``group.field``) last changed: two editors collide only on the same answer.",
            ),
        ),
        migrations.AddField(
            "profile",
            "reminded_months",
            models.PositiveSmallIntegerField(
                default=0, help_text="The last reminder since then, by its months after confirmation; 0: none yet."
            ),
        ),
        migrations.AddField(
            "profile",
            "paused_until",
            models.DateField(help_text="The first day on which a paused profile seeks again; empty: until it is resumed.", null=True),
        ),
        migrations.AddConstraint(
            "profile",
            models.CheckConstraint(
                condition=models.Q(("paused_until__isnull", True), ("status", "paused"), _connector="OR"),
                name="profile_pause_ends_a_pause",
            ),
        ),
        migrations.AddField(
            "community",
            "name_key",
            models.CharField(
                blank=True,
                default="",
                help_text="Without a place: the name as duplicates are told by, see backend.cities.names.community_key",
                max_length=200,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            "community",
            "region_key",
            models.CharField(
                blank=True, default="", help_text="Without a place: the region it lies in, likewise", max_length=200
            ),
            preserve_default=False,
        ),
        migrations.RemoveConstraint("community", "community_without_place_once"),
        migrations.RunPython(fill_keys, migrations.RunPython.noop),
        migrations.AddConstraint(
            "community",
            models.UniqueConstraint(
                condition=models.Q(("place__isnull", True)),
                fields=("country", "kind", "region_key", "name_key"),
                name="community_by_hand_once",
            ),
        ),
        migrations.CreateModel(
            "ExistingPartnership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(help_text="The partner, as the owner calls it", max_length=200)),
                (
                    "name_key",
                    models.CharField(help_text="The name as it is compared: see backend.cities.names.searched_name", max_length=200),
                ),
                ("year", models.PositiveSmallIntegerField(null=True)),
                (
                    "form",
                    models.CharField(blank=True, help_text="A code of backend.cities.profile_schema.FORMS", max_length=12),
                ),
                (
                    "status",
                    models.CharField(
                        default="unknown", help_text="By the owner: a code of profile_schema.PARTNERSHIP_STATUS", max_length=10
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("claimed", "Waits for staff"),
                            ("confirmed", "Confirmed"),
                            ("refused", "Not confirmed"),
                            ("dropped", "Taken out of the profile"),
                        ],
                        default="claimed",
                        max_length=10,
                    ),
                ),
                ("claimed_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, help_text="Why staff refused it: its owners read this", max_length=500)),
                (
                    "community",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="existing_partnerships", to="cities.community"
                    ),
                ),
                ("country", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cities.country")),
                (
                    "place",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="cities.place"),
                ),
                (
                    "claimed_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "answered_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("community", "country", "name_key"), name="existing_once"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["claimed", "confirmed", "refused", "dropped"])), name="existing_state_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["confirmed", "refused"]), _negated=True),
                            ("answered_at__isnull", False),
                            _connector="OR",
                        ),
                        name="existing_answer_complete",
                    ),
                ],
                "indexes": [models.Index(fields=["state", "claimed_at"], name="existing_to_confirm")],
            },
        ),
    ])
