"""Versions of agreements and of their templates are permanent."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION introductions_agreement_text_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'versions of agreements and templates cannot be changed or deleted'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER introductions_agreementversion_keep
    BEFORE UPDATE OR DELETE ON introductions_agreementversion
    FOR EACH ROW EXECUTE FUNCTION introductions_agreement_text_keep();
CREATE TRIGGER introductions_agreementtemplate_keep
    BEFORE UPDATE OR DELETE ON introductions_agreementtemplate
    FOR EACH ROW EXECUTE FUNCTION introductions_agreement_text_keep();
"""
BACKWARD = """
DROP TRIGGER introductions_agreementversion_keep ON introductions_agreementversion;
DROP TRIGGER introductions_agreementtemplate_keep ON introductions_agreementtemplate;
DROP FUNCTION introductions_agreement_text_keep();
"""


class Migration(migrations.Migration):
    dependencies = [("introductions", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
