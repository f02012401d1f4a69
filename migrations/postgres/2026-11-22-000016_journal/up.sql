-- The journal: events numbered without gaps in the order of commits, by the sealer.

ALTER TABLE outbox_event ADD COLUMN sequence bigint;
ALTER TABLE audit_head ADD COLUMN event_sequence bigint NOT NULL DEFAULT 0;

-- what is older than the journal gets its numbers in the order of the chain; what is not sealed yet, from the sealer
ALTER TABLE outbox_event NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_event NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_head NO FORCE ROW LEVEL SECURITY;
UPDATE outbox_event SET sequence = numbered.number FROM (
    SELECT o.workspace_id, o.id, row_number() OVER (PARTITION BY o.workspace_id ORDER BY a.sequence) AS number
    FROM outbox_event o JOIN audit_event a ON a.workspace_id = o.workspace_id AND a.id = o.id AND a.sequence IS NOT NULL
) AS numbered
WHERE numbered.workspace_id = outbox_event.workspace_id AND numbered.id = outbox_event.id;
UPDATE audit_head SET event_sequence = coalesce(
    (SELECT max(o.sequence) FROM outbox_event o WHERE o.workspace_id = audit_head.workspace_id), 0);
ALTER TABLE outbox_event FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_event FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_head FORCE ROW LEVEL SECURITY;

CREATE INDEX outbox_event_sequence_idx ON outbox_event (workspace_id, sequence);
-- the sealer's queue
CREATE INDEX outbox_event_unnumbered_idx ON outbox_event (workspace_id, id) WHERE sequence IS NULL;
DROP INDEX outbox_event_at_idx;
