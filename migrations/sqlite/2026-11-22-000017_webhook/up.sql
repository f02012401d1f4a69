-- Addresses that are told of events, and what is delivered to them.

CREATE TABLE webhook (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    role TEXT NOT NULL,
    active INTEGER NOT NULL,
    profile TEXT NOT NULL,
    sealed BLOB NOT NULL,
    previous_sealed BLOB,
    previous_until INTEGER,
    read_until INTEGER NOT NULL,
    last_success_at INTEGER,
    failing_since INTEGER,
    last_error TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT webhook_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX webhook_sort_key_idx ON webhook (workspace_id, sort_key, id);
CREATE INDEX webhook_created_at_idx ON webhook (workspace_id, created_at, id);

-- `due_at` of what waits is when it is tried next, or until when somebody who tries it has it for himself (`claim`).
CREATE TABLE webhook_delivery (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    webhook_id BLOB NOT NULL,
    event_id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    record_id BLOB NOT NULL,
    status TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    tried_before INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    claim BLOB,
    log TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    CONSTRAINT webhook_delivery_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_delivery_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhook (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX webhook_delivery_event_id_key ON webhook_delivery (workspace_id, webhook_id, event_id);
CREATE INDEX webhook_delivery_created_at_idx ON webhook_delivery (workspace_id, created_at, id);
CREATE INDEX webhook_delivery_webhook_id_created_at_idx ON webhook_delivery (workspace_id, webhook_id, created_at, id);
CREATE INDEX webhook_delivery_status_created_at_idx ON webhook_delivery (workspace_id, status, created_at, id);
CREATE INDEX webhook_delivery_record_id_created_at_idx ON webhook_delivery (workspace_id, record_id, created_at, id);
CREATE INDEX webhook_delivery_webhook_id_sequence_idx ON webhook_delivery (workspace_id, webhook_id, sequence);
CREATE INDEX webhook_delivery_waiting_idx ON webhook_delivery (workspace_id, webhook_id, due_at, sequence) WHERE status = 'waiting';
CREATE INDEX webhook_delivery_waiting_record_idx ON webhook_delivery (workspace_id, webhook_id, record_id, sequence) WHERE status = 'waiting';
