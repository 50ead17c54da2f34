"""Events cannot be rewritten, and each commit that records one wakes the relay."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION outbox_event_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'routed_at' = to_jsonb(OLD) - 'routed_at' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'events are an audit trail: they cannot be changed or deleted'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER outbox_event_keep BEFORE UPDATE OR DELETE ON outbox_event
    FOR EACH ROW EXECUTE FUNCTION outbox_event_keep();

CREATE FUNCTION outbox_event_wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('outbox', '');
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_event_wake AFTER INSERT ON outbox_event
    FOR EACH STATEMENT EXECUTE FUNCTION outbox_event_wake();
"""
BACKWARD = """
DROP TRIGGER outbox_event_wake ON outbox_event;
DROP FUNCTION outbox_event_wake();
DROP TRIGGER outbox_event_keep ON outbox_event;
DROP FUNCTION outbox_event_keep();
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
