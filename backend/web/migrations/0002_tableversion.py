"""A version for each table that public pages show, raised in the commit that changes it.

A later migration watches one more table by ``SELECT web_watch_table('name')``.
"""

from django.db import migrations, models

# A row for each connection: two commits never wait for each other, and none fails for the other's
# change. Once a commit is enough, and spares a commit of many statements as many versions of a row.
# Of a profile counts what pages show: while somebody writes a draft nothing is forgotten. Of a
# pair, its two ends: whether it may be suggested is on no public page.
WATCH = """
CREATE FUNCTION web_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO web_tableversion (table_name, connection, changes, last_commit)
    VALUES (TG_TABLE_NAME, pg_backend_pid(), 1, pg_current_xact_id()::text::bigint)
    ON CONFLICT (table_name, connection)
    DO UPDATE SET changes = web_tableversion.changes + 1, last_commit = EXCLUDED.last_commit
    WHERE web_tableversion.last_commit <> EXCLUDED.last_commit;
    RETURN NULL;
END $$;
CREATE FUNCTION web_watch_table(watched text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TRIGGER web_note_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION web_note_change()', watched
    );
END $$;
SELECT web_watch_table(watched) FROM unnest(ARRAY[
    'cities_community', 'cities_country', 'cities_existingpartnership', 'cities_listedpartnership',
    'cities_membership', 'cities_organisation', 'cities_place', 'cities_placename',
    'cities_profileversion', 'cities_referenceload', 'introductions_agreement',
    'introductions_partnership', 'introductions_signatory'
]) AS watched;
CREATE TRIGGER web_note_change AFTER INSERT OR DELETE OR TRUNCATE ON cities_profile
    FOR EACH STATEMENT EXECUTE FUNCTION web_note_change();
CREATE TRIGGER web_note_update AFTER UPDATE ON cities_profile FOR EACH ROW
    WHEN ((OLD.status, OLD.current_version_id, OLD.confirmed_at, OLD.paused_until)
        IS DISTINCT FROM (NEW.status, NEW.current_version_id, NEW.confirmed_at, NEW.paused_until))
    EXECUTE FUNCTION web_note_change();
CREATE TRIGGER web_note_change AFTER UPDATE OF a_id, b_id, a_country, b_country ON suggestions_pair
    FOR EACH STATEMENT EXECUTE FUNCTION web_note_change();
"""
FORGET = """
DO $$
DECLARE row record;
BEGIN
    FOR row IN SELECT tgname, tgrelid::regclass AS watched FROM pg_trigger
        WHERE tgname IN ('web_note_change', 'web_note_update')
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', row.tgname, row.watched);
    END LOOP;
END $$;
DROP FUNCTION web_watch_table(text);
DROP FUNCTION web_note_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("web", "0001_initial"),
        ("cities", "0004_existing_by_place"),
        ("introductions", "0002_triggers"),
        ("suggestions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="TableVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("table_name", models.CharField(max_length=63)),
                (
                    "connection",
                    models.IntegerField(
                        help_text="Process id of the server's side; 0: of past ones"
                    ),
                ),
                ("changes", models.BigIntegerField(help_text="Commits that changed the table")),
                (
                    "last_commit",
                    models.BigIntegerField(help_text="Number of the last of these transactions"),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("table_name", "connection"),
                        name="table_version_once_per_connection",
                    )
                ],
            },
        ),
        migrations.RunSQL(WATCH, FORGET),
    ]
