"""The names of places as rows of their own, kept by the database from `Place.search_text`."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

from backend.common.together import together

# What backend.cities.names.searched_name does with what was typed, as far as search_text has not been through it: on all names of a
# place at once, because a call for each of a million names costs seconds.
NAMES = """
CREATE FUNCTION cities_searched_names(search_text text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(written) > 200 THEN left(written, 200) ELSE written END
    FROM unnest(string_to_array(
        btrim(replace(replace(replace(replace(replace(replace(
            search_text, '-', ' '), '.', ''), ',', ''), '  ', ' '), '| ', '|'), ' |', '|')), '|'
    )) AS written
$$;
"""
# In the order of names: neighbours in the index are neighbours on disk.
INSERT = """
    INSERT INTO cities_placename (name, place_id, country_code, population)
    SELECT DISTINCT searched COLLATE "C", place.id, place.country_id, coalesce(place.population, 0)
    FROM {places} AS place, cities_searched_names(place.search_text) AS searched
    WHERE searched <> '' ORDER BY 1, 2
"""
TRIGGERS = f"""
CREATE FUNCTION cities_place_keep_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM cities_placename WHERE place_id IN (
            SELECT changed.id FROM changed JOIN formerly USING (id)
            WHERE (changed.search_text, changed.country_id, changed.population)
                IS DISTINCT FROM (formerly.search_text, formerly.country_id, formerly.population)
        );
        {INSERT.format(places="(SELECT * FROM changed WHERE NOT EXISTS (SELECT FROM cities_placename WHERE place_id = changed.id))")};
    ELSE
        {INSERT.format(places="changed")};
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER cities_place_keep_names_insert AFTER INSERT ON cities_place
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION cities_place_keep_names();
CREATE TRIGGER cities_place_keep_names_update AFTER UPDATE ON cities_place
    REFERENCING OLD TABLE AS formerly NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION cities_place_keep_names();
"""
NO_TRIGGERS = """
DROP TRIGGER cities_place_keep_names_update ON cities_place;
DROP TRIGGER cities_place_keep_names_insert ON cities_place;
DROP FUNCTION cities_place_keep_names();
"""


class Migration(migrations.Migration):
    dependencies = [("cities", "0003_referenceload")]
    operations = together([
        migrations.RunSQL(NAMES, "DROP FUNCTION cities_searched_names(text)"),
        migrations.RemoveIndex(model_name="place", name="place_search_trgm"),
        migrations.AlterField(model_name="place", name="search_text", field=models.TextField(help_text="Lower-case, unaccented names")),
        migrations.CreateModel(
            name="PlaceName",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("name", "place_id", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "name",
                    models.TextField(
                        db_collation="C", help_text="Folded, see backend.cities.names; sorted by bytes, for search by its beginning"
                    ),
                ),
                (
                    "country_code",
                    models.CharField(help_text="Of the place: ranking thousands of names must not read their places", max_length=2),
                ),
                ("population", models.IntegerField(help_text="Of the place, 0 where it is not known")),
                (
                    "place",
                    models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="names", to="cities.place"),
                ),
            ],
        ),
        migrations.RunSQL(INSERT.format(places="cities_place"), migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="placename",
            index=django.contrib.postgres.indexes.GinIndex(fields=["name"], name="placename_trgm", opclasses=["gin_trgm_ops"]),
        ),
        migrations.AddIndex(model_name="placename", index=models.Index(fields=["place"], name="placename_place")),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ])
