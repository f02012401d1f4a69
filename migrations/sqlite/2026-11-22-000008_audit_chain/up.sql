-- The chain of audit events: number and hash are given by the sealer, in the order of commits.

ALTER TABLE audit_event ADD COLUMN via TEXT;
ALTER TABLE audit_event ADD COLUMN user_agent TEXT;
ALTER TABLE audit_event ADD COLUMN sequence INTEGER;
ALTER TABLE audit_event ADD COLUMN previous_hash BLOB;
ALTER TABLE audit_event ADD COLUMN hash BLOB;
CREATE UNIQUE INDEX audit_event_sequence_key ON audit_event (workspace_id, sequence);
CREATE INDEX audit_event_unsealed_idx ON audit_event (workspace_id, id) WHERE sequence IS NULL;
CREATE INDEX audit_event_actor_id_at_idx ON audit_event (workspace_id, actor_id, at, id);
CREATE INDEX audit_event_action_at_idx ON audit_event (workspace_id, action, at, id);
CREATE INDEX audit_event_request_id_idx ON audit_event (workspace_id, request_id);

CREATE TABLE audit_head (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    CONSTRAINT audit_head_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT audit_head_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
