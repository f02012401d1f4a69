-- What people are told, what they want to be told, and messages on their way.

-- A row per person and cause, also of what the list does not show: nobody is told of a cause twice.
CREATE TABLE notification (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    cause text NOT NULL,
    record text,
    record_id uuid,
    in_app boolean NOT NULL,
    profile jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    CONSTRAINT notification_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT notification_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE UNIQUE INDEX notification_cause_user_id_key ON notification (workspace_id, cause, user_id);
CREATE INDEX notification_created_at_idx ON notification (workspace_id, created_at);
CREATE INDEX notification_user_id_created_at_idx ON notification (workspace_id, user_id, created_at, id);
CREATE INDEX notification_user_id_read_at_created_at_idx ON notification (workspace_id, user_id, read_at, created_at, id);

CREATE TABLE notification_setting (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    profile jsonb NOT NULL,
    telegram_blocked boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT notification_setting_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_setting_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT notification_setting_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES member (workspace_id, id)
);

-- A message is sent outside of any transaction: whoever sends it has it for himself until `leased_until`.
CREATE TABLE notification_delivery (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    channel text NOT NULL,
    user_id uuid,
    state text NOT NULL,
    message jsonb NOT NULL,
    attempts bigint NOT NULL,
    leased_until timestamptz,
    error text,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT notification_delivery_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_delivery_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT notification_delivery_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX notification_delivery_channel_state_created_at_idx ON notification_delivery (workspace_id, channel, state, created_at);
CREATE INDEX notification_delivery_ended_at_idx ON notification_delivery (workspace_id, ended_at);
CREATE INDEX notification_delivery_user_id_idx ON notification_delivery (workspace_id, user_id);

-- How far each workspace's events were gone through.
CREATE TABLE notification_cursor (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    sequence bigint NOT NULL,
    CONSTRAINT notification_cursor_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_cursor_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
);

-- Everybody who is here already gets his digest, and what is planned already is told in its time.
-- the owner of the tables is bound to one workspace at a time, too; the lock is put back at once
ALTER TABLE member NO FORCE ROW LEVEL SECURITY;
ALTER TABLE task NO FORCE ROW LEVEL SECURITY;
ALTER TABLE deal NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_head NO FORCE ROW LEVEL SECURITY;
INSERT INTO wakeup (id, workspace_id, kind, due_at)
SELECT m.id, m.workspace_id, 'digest_plan', now() FROM member m WHERE m.active AND NOT EXISTS (SELECT 1 FROM wakeup w WHERE w.id = m.id);
INSERT INTO wakeup (id, workspace_id, kind, due_at)
SELECT t.id, t.workspace_id, 'task_watch', now() FROM task t
WHERE t.status = 'open' AND t.archived_at IS NULL AND t.due_at > now() AND NOT EXISTS (SELECT 1 FROM wakeup w WHERE w.id = t.id);
INSERT INTO wakeup (id, workspace_id, kind, due_at)
SELECT d.id, d.workspace_id, 'deal_watch', now() FROM deal d
WHERE d.outcome = 'open' AND d.archived_at IS NULL AND d.stage_due_at > now() AND NOT EXISTS (SELECT 1 FROM wakeup w WHERE w.id = d.id);
ALTER TABLE member FORCE ROW LEVEL SECURITY;
ALTER TABLE task FORCE ROW LEVEL SECURITY;
-- nobody is told of what happened before
INSERT INTO notification_cursor (workspace_id, id, sequence) SELECT workspace_id, id, event_sequence FROM audit_head;
ALTER TABLE deal FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_head FORCE ROW LEVEL SECURITY;
