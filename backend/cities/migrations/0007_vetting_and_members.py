import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from backend.common.together import together


class Migration(migrations.Migration):
    dependencies = [
        ("cities", "0006_invitations_and_join_requests"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = together([
        migrations.AddField(
            model_name="membership",
            name="paid_through",
            field=models.DateField(help_text="The last day that dues cover; empty: no such day is recorded, nothing lapses", null=True),
        ),
        migrations.AddField(
            model_name="membership",
            name="reminded_for",
            field=models.DateField(help_text="The last day of the term of which the community was reminded", null=True),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("paid_through__isnull", True), ("paid_through__gte", models.F("started_on")), _connector="OR"),
                name="membership_term_ordered",
            ),
        ),
        migrations.CreateModel(
            name="MemberImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_name", models.CharField(max_length=200)),
                ("read_as", models.CharField(help_text="Kind of file and, for text, its encoding", max_length=40)),
                (
                    "rows",
                    models.JSONField(help_text="What each row of the file would do, or why it cannot be taken; see cities.member_plans"),
                ),
                ("checked_at", models.DateTimeField(auto_now_add=True)),
                ("applied_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
            ],
        ),
        migrations.CreateModel(
            name="VettingApproval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "revision",
                    models.PositiveIntegerField(help_text="The draft's revision that was read; a yes to an older one counts no more"),
                ),
                ("at", models.DateTimeField(auto_now_add=True)),
                (
                    "by",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL),
                ),
                (
                    "profile",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="approvals", to="cities.profile"),
                ),
                (
                    "version",
                    models.OneToOneField(
                        help_text="What it published; empty: it needed a second",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval",
                        to="cities.profileversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("profile", "revision", "by"), name="approval_once_a_curator"),
                ],
            },
        ),
    ])
