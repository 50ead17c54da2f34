"""Seeking communities by what lists ask for, in one narrow table that the database keeps; searches
that people save, and whom they were told of.
"""

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A row of the entry is locked before anything is read for it: of two commits that change what it
# is made of, the second then reads what the first has written.
KEEP = r"""
CREATE FUNCTION cities_codes(answer jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof(answer)
        WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(answer))
        WHEN 'object' THEN ARRAY(SELECT jsonb_object_keys(answer))
        ELSE '{}' END
$$;
-- As names are folded in backend.cities.names, but for letters that hardly any place has.
CREATE FUNCTION cities_folded(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(
        replace(replace(replace(
            lower(regexp_replace(normalize(name, NFKD), '[\u0300-\u036f\u3099\u309a]', '', 'g')),
            'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
        'øłđðħıə''’‘ʻʼ`', 'olddhie')
$$;
-- One lookup by a key after the other: a session keeps the plans that it made when these tables
-- were small, and none of a join stays right while 20,000 communities are published in one go.
CREATE FUNCTION cities_keep_seeking(changed bigint) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off AS $$
DECLARE
    profile record;
    version record;
    community record;
    place record;
    country text;
BEGIN
    PERFORM FROM cities_seekingentry WHERE community_id = changed FOR UPDATE;
    SELECT status, current_version_id INTO profile FROM cities_profile WHERE community_id = changed;
    IF profile.status IS DISTINCT FROM 'published' OR profile.current_version_id IS NULL THEN
        DELETE FROM cities_seekingentry WHERE community_id = changed;
        RETURN;
    END IF;
    SELECT published_at, data INTO version FROM cities_profileversion
        WHERE id = profile.current_version_id;
    SELECT name, name_key, local_name, admin1, country_id, place_id, latitude, longitude
        INTO community FROM cities_community WHERE id = changed;
    SELECT population, search_text INTO place FROM cities_place WHERE id = community.place_id;
    SELECT name INTO country FROM cities_country WHERE code = community.country_id;
    INSERT INTO cities_seekingentry AS entry (
        community_id, published_at, country_id, admin1, population, is_member, needs, offers,
        themes, sectors, languages, forms, words, latitude, longitude, x, y, z
    ) VALUES (
        changed, version.published_at, community.country_id, community.admin1,
        CASE WHEN jsonb_typeof(version.data #> '{facts,population}') = 'number'
            THEN (version.data #>> '{facts,population}')::numeric::integer
            ELSE coalesce(place.population, 0) END,
        EXISTS (
            SELECT FROM cities_membership
            WHERE community_id = changed AND ended_on IS NULL AND standing = 'good'
        ),
        cities_codes(version.data #> '{needs_offers,needs}'),
        cities_codes(version.data #> '{needs_offers,offers}'),
        cities_codes(version.data #> '{themes,importances}'),
        cities_codes(version.data #> '{sectors,strengths}'),
        cities_codes(version.data #> '{languages,working}'),
        cities_codes(version.data #> '{sought,forms}'),
        '|' || cities_folded(concat_ws('|', community.name, nullif(community.name_key, ''),
            nullif(community.local_name, ''), version.data #>> '{identity,local_name}'))
            || coalesce('|' || place.search_text, '') || '|'
            || replace(cities_folded('/' || community.admin1 || '/' || country), ' ', '/'),
        community.latitude, community.longitude,
        cos(radians(community.latitude)) * cos(radians(community.longitude)),
        cos(radians(community.latitude)) * sin(radians(community.longitude)),
        sin(radians(community.latitude))
    )
    ON CONFLICT (community_id) DO UPDATE SET (
        published_at, country_id, admin1, population, is_member, needs, offers,
        themes, sectors, languages, forms, words, latitude, longitude, x, y, z
    ) = (
        EXCLUDED.published_at, EXCLUDED.country_id, EXCLUDED.admin1, EXCLUDED.population,
        EXCLUDED.is_member, EXCLUDED.needs, EXCLUDED.offers, EXCLUDED.themes, EXCLUDED.sectors,
        EXCLUDED.languages, EXCLUDED.forms, EXCLUDED.words, EXCLUDED.latitude, EXCLUDED.longitude,
        EXCLUDED.x, EXCLUDED.y, EXCLUDED.z
    ) WHERE entry IS DISTINCT FROM EXCLUDED;
END $$;
CREATE FUNCTION cities_seeking_of_profile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cities_keep_seeking(coalesce(NEW.community_id, OLD.community_id));
    RETURN NULL;
END $$;
CREATE FUNCTION cities_seeking_of_community() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cities_keep_seeking(NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION cities_seeking_of_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cities_keep_seeking(id) FROM cities_community WHERE place_id = NEW.id;
    RETURN NULL;
END $$;
CREATE FUNCTION cities_seeking_of_country() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM cities_keep_seeking(id) FROM cities_community WHERE country_id = NEW.code ORDER BY id;
    RETURN NULL;
END $$;
-- While somebody writes a draft nothing is kept anew.
CREATE TRIGGER cities_seeking_insert AFTER INSERT ON cities_profile FOR EACH ROW
    WHEN (NEW.current_version_id IS NOT NULL) EXECUTE FUNCTION cities_seeking_of_profile();
CREATE TRIGGER cities_seeking_update AFTER UPDATE ON cities_profile FOR EACH ROW
    WHEN ((OLD.status, OLD.current_version_id)
        IS DISTINCT FROM (NEW.status, NEW.current_version_id))
    EXECUTE FUNCTION cities_seeking_of_profile();
CREATE TRIGGER cities_seeking_delete AFTER DELETE ON cities_profile FOR EACH ROW
    EXECUTE FUNCTION cities_seeking_of_profile();
CREATE TRIGGER cities_seeking_member AFTER INSERT OR UPDATE OR DELETE ON cities_membership
    FOR EACH ROW EXECUTE FUNCTION cities_seeking_of_profile();
CREATE TRIGGER cities_seeking_update AFTER UPDATE ON cities_community FOR EACH ROW
    WHEN ((OLD.name, OLD.name_key, OLD.local_name, OLD.admin1, OLD.country_id, OLD.place_id,
            OLD.latitude, OLD.longitude)
        IS DISTINCT FROM (NEW.name, NEW.name_key, NEW.local_name, NEW.admin1, NEW.country_id,
            NEW.place_id, NEW.latitude, NEW.longitude))
    EXECUTE FUNCTION cities_seeking_of_community();
CREATE TRIGGER cities_seeking_update AFTER UPDATE ON cities_place FOR EACH ROW
    WHEN ((OLD.search_text, OLD.population) IS DISTINCT FROM (NEW.search_text, NEW.population))
    EXECUTE FUNCTION cities_seeking_of_place();
CREATE TRIGGER cities_seeking_update AFTER UPDATE ON cities_country FOR EACH ROW
    WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION cities_seeking_of_country();
SELECT cities_keep_seeking(community_id) FROM cities_profile WHERE status = 'published';
SELECT web_watch_table('cities_seekingentry');
"""
FORGET = """
DROP TRIGGER cities_seeking_update ON cities_country;
DROP TRIGGER cities_seeking_update ON cities_place;
DROP TRIGGER cities_seeking_update ON cities_community;
DROP TRIGGER cities_seeking_member ON cities_membership;
DROP TRIGGER cities_seeking_delete ON cities_profile;
DROP TRIGGER cities_seeking_update ON cities_profile;
DROP TRIGGER cities_seeking_insert ON cities_profile;
DROP FUNCTION cities_seeking_of_country();
DROP FUNCTION cities_seeking_of_place();
DROP FUNCTION cities_seeking_of_community();
DROP FUNCTION cities_seeking_of_profile();
DROP FUNCTION cities_keep_seeking(bigint);
DROP FUNCTION cities_folded(text);
DROP FUNCTION cities_codes(jsonb);
"""


def _codes(help_text: str = "") -> django.contrib.postgres.fields.ArrayField:
    return django.contrib.postgres.fields.ArrayField(
        base_field=models.TextField(), size=None, help_text=help_text
    )


class Migration(migrations.Migration):
    dependencies = [
        ("cities", "0006_community_picture"),
        ("web", "0002_tableversion"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SeekingEntry",
            fields=[
                (
                    "community",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="seeking_entry",
                        serialize=False,
                        to="cities.community",
                    ),
                ),
                ("published_at", models.DateTimeField(help_text="Of the current version")),
                (
                    "country",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="cities.country",
                    ),
                ),
                ("admin1", models.CharField(max_length=120)),
                (
                    "population",
                    models.IntegerField(
                        help_text="As published, else by the gazetteer; 0: not known"
                    ),
                ),
                ("is_member", models.BooleanField(help_text="In good standing")),
                ("needs", _codes()),
                ("offers", _codes()),
                ("themes", _codes()),
                ("sectors", _codes()),
                ("languages", _codes()),
                ("forms", _codes("Sought; empty: any")),
                (
                    "words",
                    models.TextField(
                        help_text="Folded: its names, each between two bars, then the words of "
                        "its region and country, each after a slash"
                    ),
                ),
                ("latitude", models.FloatField(null=True)),
                ("longitude", models.FloatField(null=True)),
                ("x", models.FloatField(null=True)),
                ("y", models.FloatField(null=True)),
                ("z", models.FloatField(null=True)),
            ],
            options={
                "verbose_name_plural": "seeking entries",
                "indexes": [
                    models.Index(fields=["-published_at", "-community"], name="seeking_fresh"),
                    models.Index(fields=["-population", "-community"], name="seeking_size"),
                    models.Index(fields=["admin1"], name="seeking_region"),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["needs", "offers", "themes", "sectors", "languages", "forms"],
                        name="seeking_codes",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["words"], name="seeking_words", opclasses=["gin_trgm_ops"]
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_searches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "query",
                    models.JSONField(
                        help_text="The fields of backend.cities.seeking.Asked that are set"
                    ),
                ),
                (
                    "saved_at",
                    models.DateTimeField(help_text="What was published before is not new"),
                ),
            ],
            options={
                "verbose_name_plural": "saved searches",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "query"), name="saved_search_once_a_person"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedSearchHit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "search",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hits",
                        to="cities.savedsearch",
                    ),
                ),
                (
                    "community",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="cities.community",
                    ),
                ),
                ("told_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("search", "community"), name="saved_search_told_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(KEEP, FORGET),
    ]
