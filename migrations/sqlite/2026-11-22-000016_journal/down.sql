CREATE INDEX IF NOT EXISTS outbox_event_at_idx ON outbox_event (workspace_id, at, id);
DROP INDEX IF EXISTS outbox_event_unnumbered_idx;
DROP INDEX IF EXISTS outbox_event_sequence_idx;
ALTER TABLE audit_head DROP COLUMN event_sequence;
ALTER TABLE outbox_event DROP COLUMN sequence;
