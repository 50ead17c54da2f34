"""A published version is for good."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION cities_profileversion_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'published profile versions cannot be changed or deleted' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER cities_profileversion_keep BEFORE UPDATE OR DELETE ON cities_profileversion
    FOR EACH ROW EXECUTE FUNCTION cities_profileversion_keep();
"""
BACKWARD = """
DROP TRIGGER cities_profileversion_keep ON cities_profileversion;
DROP FUNCTION cities_profileversion_keep();
"""


class Migration(migrations.Migration):
    dependencies = [("cities", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
