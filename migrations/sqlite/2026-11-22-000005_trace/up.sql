-- What every change leaves behind.

CREATE TABLE audit_event (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    record TEXT NOT NULL,
    record_id BLOB NOT NULL,
    action TEXT NOT NULL,
    actor_type TEXT NOT NULL,
    actor_id BLOB,
    actor_name TEXT NOT NULL,
    request_id TEXT,
    address TEXT,
    changes TEXT NOT NULL,
    reason TEXT,
    CONSTRAINT audit_event_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT audit_event_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX audit_event_at_idx ON audit_event (workspace_id, at, id);
CREATE INDEX audit_event_record_record_id_at_idx ON audit_event (workspace_id, record, record_id, at, id);

CREATE TABLE outbox_event (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    record TEXT NOT NULL,
    record_id BLOB NOT NULL,
    payload TEXT NOT NULL,
    CONSTRAINT outbox_event_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT outbox_event_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX outbox_event_at_idx ON outbox_event (workspace_id, at, id);

CREATE TABLE idempotency_key (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    actor_id BLOB NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    CONSTRAINT idempotency_key_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT idempotency_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE UNIQUE INDEX idempotency_key_actor_id_method_path_key_key ON idempotency_key (workspace_id, actor_id, method, path, key);
CREATE INDEX idempotency_key_expires_at_idx ON idempotency_key (workspace_id, expires_at);
