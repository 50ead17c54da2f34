"""Published versions are permanent, no community is its own partner, and ``PlaceName`` is kept by
the database from ``Place.search_text``.
"""

from django.db import migrations

KEEP_VERSIONS = """
CREATE FUNCTION cities_profileversion_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'published profile versions cannot be changed or deleted'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER cities_profileversion_keep BEFORE UPDATE OR DELETE ON cities_profileversion
    FOR EACH ROW EXECUTE FUNCTION cities_profileversion_keep();
"""
FREE_VERSIONS = """
DROP TRIGGER cities_profileversion_keep ON cities_profileversion;
DROP FUNCTION cities_profileversion_keep();
"""

# The two ends are in two tables, where no check constraint reaches.
REFUSE_ITSELF = """
CREATE FUNCTION cities_existing_not_itself() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM cities_community WHERE id = NEW.community_id AND place_id = NEW.place_id
    ) THEN
        RAISE EXCEPTION 'a community cannot be its own partner'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'existing_not_itself';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER cities_existing_not_itself
    BEFORE INSERT OR UPDATE OF community_id, place_id ON cities_existingpartnership
    FOR EACH ROW EXECUTE FUNCTION cities_existing_not_itself();
"""
ALLOW_ITSELF = """
DROP TRIGGER cities_existing_not_itself ON cities_existingpartnership;
DROP FUNCTION cities_existing_not_itself();
"""

# What backend.cities.names.searched_name does with what was typed, as far as search_text has not
# been through it: on all names of a place at once, because one call for each of a million names
# takes seconds.
NAMES = """
CREATE FUNCTION cities_searched_names(search_text text)
RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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
# A first load of the gazetteer calls cities_place_name_all instead of the trigger: the rows of a
# million names need not be kept as a transition table as well.
UNNAMED = """(
    SELECT * FROM changed
    WHERE NOT EXISTS (SELECT FROM cities_placename WHERE place_id = changed.id)
)"""
KEEP_NAMES = f"""
CREATE FUNCTION cities_place_keep_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM cities_placename WHERE place_id IN (
            SELECT changed.id FROM changed JOIN formerly USING (id)
            WHERE (changed.search_text, changed.country_id, changed.population)
                IS DISTINCT FROM (formerly.search_text, formerly.country_id, formerly.population)
        );
        {INSERT.format(places=UNNAMED)};
    ELSE
        {INSERT.format(places="changed")};
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION cities_place_name_all() RETURNS void LANGUAGE sql AS $$
    {INSERT.format(places="cities_place")};
$$;
CREATE TRIGGER cities_place_keep_names_insert AFTER INSERT ON cities_place
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cities_place_keep_names();
CREATE TRIGGER cities_place_keep_names_update AFTER UPDATE ON cities_place
    REFERENCING OLD TABLE AS formerly NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION cities_place_keep_names();
"""
FREE_NAMES = """
DROP TRIGGER cities_place_keep_names_update ON cities_place;
DROP TRIGGER cities_place_keep_names_insert ON cities_place;
DROP FUNCTION cities_place_name_all();
DROP FUNCTION cities_place_keep_names();
DROP FUNCTION cities_searched_names(text);
"""


class Migration(migrations.Migration):
    dependencies = [("cities", "0001_initial")]
    operations = [
        migrations.RunSQL(KEEP_VERSIONS, FREE_VERSIONS),
        migrations.RunSQL(REFUSE_ITSELF, ALLOW_ITSELF),
        migrations.RunSQL(NAMES + KEEP_NAMES, FREE_NAMES),
    ]
