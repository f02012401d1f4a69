-- The chain of audit events: number and hash are given by the sealer, in the order of commits.

ALTER TABLE audit_event
    ADD COLUMN via text,
    ADD COLUMN user_agent text,
    ADD COLUMN sequence bigint,
    ADD COLUMN previous_hash bytea,
    ADD COLUMN hash bytea;
CREATE UNIQUE INDEX audit_event_sequence_key ON audit_event (workspace_id, sequence);
CREATE INDEX audit_event_unsealed_idx ON audit_event (workspace_id, id) WHERE sequence IS NULL;
CREATE INDEX audit_event_actor_id_at_idx ON audit_event (workspace_id, actor_id, at, id);
CREATE INDEX audit_event_action_at_idx ON audit_event (workspace_id, action, at, id);
CREATE INDEX audit_event_request_id_idx ON audit_event (workspace_id, request_id);

CREATE TABLE audit_head (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_head_pkey PRIMARY KEY (workspace_id, id)
);
ALTER TABLE audit_head ADD CONSTRAINT audit_head_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
