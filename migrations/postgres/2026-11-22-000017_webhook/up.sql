-- Addresses that are told of events, and what is delivered to them.

CREATE TABLE webhook (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    role text NOT NULL,
    active boolean NOT NULL,
    profile jsonb NOT NULL,
    sealed bytea NOT NULL,
    previous_sealed bytea,
    previous_until timestamptz,
    read_until bigint NOT NULL,
    last_success_at timestamptz,
    failing_since timestamptz,
    last_error text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT webhook_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
);
CREATE INDEX webhook_sort_key_idx ON webhook (workspace_id, sort_key, id);
CREATE INDEX webhook_created_at_idx ON webhook (workspace_id, created_at, id);

-- `due_at` of what waits is when it is tried next, or until when somebody who tries it has it for himself (`claim`).
CREATE TABLE webhook_delivery (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    sequence bigint NOT NULL,
    kind text NOT NULL,
    record_id uuid NOT NULL,
    status text NOT NULL,
    attempts bigint NOT NULL,
    tried_before bigint NOT NULL,
    due_at timestamptz NOT NULL,
    claim uuid,
    log jsonb NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT webhook_delivery_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT webhook_delivery_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY (workspace_id, webhook_id) REFERENCES webhook (workspace_id, id)
);
CREATE UNIQUE INDEX webhook_delivery_event_id_key ON webhook_delivery (workspace_id, webhook_id, event_id);
CREATE INDEX webhook_delivery_created_at_idx ON webhook_delivery (workspace_id, created_at, id);
CREATE INDEX webhook_delivery_webhook_id_created_at_idx ON webhook_delivery (workspace_id, webhook_id, created_at, id);
CREATE INDEX webhook_delivery_status_created_at_idx ON webhook_delivery (workspace_id, status, created_at, id);
CREATE INDEX webhook_delivery_record_id_created_at_idx ON webhook_delivery (workspace_id, record_id, created_at, id);
CREATE INDEX webhook_delivery_webhook_id_sequence_idx ON webhook_delivery (workspace_id, webhook_id, sequence);
CREATE INDEX webhook_delivery_waiting_idx ON webhook_delivery (workspace_id, webhook_id, due_at, sequence) WHERE status = 'waiting';
CREATE INDEX webhook_delivery_waiting_record_idx ON webhook_delivery (workspace_id, webhook_id, record_id, sequence) WHERE status = 'waiting';
