-- What every change leaves behind.

CREATE TABLE audit_event (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    record text NOT NULL,
    record_id uuid NOT NULL,
    action text NOT NULL,
    actor_type text NOT NULL,
    actor_id uuid,
    actor_name text NOT NULL,
    request_id text,
    address text,
    changes text NOT NULL,
    reason text,
    CONSTRAINT audit_event_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX audit_event_at_idx ON audit_event (workspace_id, at, id);
CREATE INDEX audit_event_record_record_id_at_idx ON audit_event (workspace_id, record, record_id, at, id);

CREATE TABLE outbox_event (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    record text NOT NULL,
    record_id uuid NOT NULL,
    payload text NOT NULL,
    CONSTRAINT outbox_event_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX outbox_event_at_idx ON outbox_event (workspace_id, at, id);

CREATE TABLE idempotency_key (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    actor_id uuid NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    key text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    status bigint NOT NULL,
    headers text NOT NULL,
    body text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX idempotency_key_actor_id_method_path_key_key ON idempotency_key (workspace_id, actor_id, method, path, key);
CREATE INDEX idempotency_key_expires_at_idx ON idempotency_key (workspace_id, expires_at);

ALTER TABLE audit_event ADD CONSTRAINT audit_event_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE outbox_event ADD CONSTRAINT outbox_event_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE idempotency_key ADD CONSTRAINT idempotency_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
