"""Two partnerships of a profile are one where they have one place or, without places, one name.

Of rows that have one place under two names ("Kiev" and "Kyiv") the one that staff have answered
stays, else the first; the others count as taken out of the profile. The indexes are built while
the release before goes on writing, which keeps one row a name.
"""

from django.db import migrations, models

_TAKE_OUT_DOUBLES = """
UPDATE cities_existingpartnership AS row SET state = 'dropped'
FROM (
    SELECT id, row_number() OVER (
        PARTITION BY community_id, place_id
        ORDER BY answered_at IS NULL, state <> 'confirmed', id
    ) AS number
    FROM cities_existingpartnership WHERE place_id IS NOT NULL AND state <> 'dropped'
) AS counted
WHERE counted.id = row.id AND counted.number > 1
"""


def _once(name: str, fields: tuple[str, ...], *, has_place: bool) -> migrations.RunSQL:
    columns = ", ".join("name_key" if field == "name_key" else f"{field}_id" for field in fields)
    without = "IS NOT NULL" if has_place else "IS NULL"
    return migrations.RunSQL(
        f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {name} ON cities_existingpartnership "
        f"({columns}) WHERE place_id {without} AND NOT (state = 'dropped')",
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
        state_operations=[
            migrations.AddConstraint(
                model_name="existingpartnership",
                constraint=models.UniqueConstraint(
                    fields=fields,
                    condition=models.Q(
                        ("place__isnull", not has_place),
                        models.Q(("state", "dropped"), _negated=True),
                    ),
                    name=name,
                ),
            )
        ],
    )


class Migration(migrations.Migration):
    atomic = False  # an index cannot be built concurrently inside a transaction

    dependencies = [("cities", "0003_port_kind")]

    operations = [
        migrations.RemoveConstraint(model_name="existingpartnership", name="existing_once"),
        migrations.RunSQL(_TAKE_OUT_DOUBLES, migrations.RunSQL.noop),
        _once("existing_place_once", ("community", "place"), has_place=True),
        _once("existing_name_once", ("community", "country", "name_key"), has_place=False),
    ]
