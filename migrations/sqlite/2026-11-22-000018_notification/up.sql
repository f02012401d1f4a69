-- What people are told, what they want to be told, and messages on their way.

-- A row per person and cause, also of what the list does not show: nobody is told of a cause twice.
CREATE TABLE notification (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    cause TEXT NOT NULL,
    record TEXT,
    record_id BLOB,
    in_app INTEGER NOT NULL,
    profile TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    CONSTRAINT notification_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT notification_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX notification_cause_user_id_key ON notification (workspace_id, cause, user_id);
CREATE INDEX notification_created_at_idx ON notification (workspace_id, created_at);
CREATE INDEX notification_user_id_created_at_idx ON notification (workspace_id, user_id, created_at, id);
CREATE INDEX notification_user_id_read_at_created_at_idx ON notification (workspace_id, user_id, read_at, created_at, id);

CREATE TABLE notification_setting (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    profile TEXT NOT NULL,
    telegram_blocked INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT notification_setting_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_setting_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT notification_setting_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES member (workspace_id, id)
) STRICT;

-- A message is sent outside of any transaction: whoever sends it has it for himself until `leased_until`.
CREATE TABLE notification_delivery (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    channel TEXT NOT NULL,
    user_id BLOB,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    leased_until INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT notification_delivery_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_delivery_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT notification_delivery_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX notification_delivery_channel_state_created_at_idx ON notification_delivery (workspace_id, channel, state, created_at);
CREATE INDEX notification_delivery_ended_at_idx ON notification_delivery (workspace_id, ended_at);
CREATE INDEX notification_delivery_user_id_idx ON notification_delivery (workspace_id, user_id);

-- How far each workspace's events were gone through.
CREATE TABLE notification_cursor (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    CONSTRAINT notification_cursor_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT notification_cursor_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;

-- Everybody who is here already gets his digest, and what is planned already is told in its time.
INSERT INTO wakeup (id, workspace_id, kind, due_at)
SELECT m.id, m.workspace_id, 'digest_plan', 0 FROM member m WHERE m.active AND NOT EXISTS (SELECT 1 FROM wakeup w WHERE w.id = m.id);
INSERT INTO wakeup (id, workspace_id, kind, due_at)
SELECT t.id, t.workspace_id, 'task_watch', 0 FROM task t
WHERE t.status = 'open' AND t.archived_at IS NULL AND t.due_at > unixepoch() * 1000000 AND NOT EXISTS (SELECT 1 FROM wakeup w WHERE w.id = t.id);
INSERT INTO wakeup (id, workspace_id, kind, due_at)
SELECT d.id, d.workspace_id, 'deal_watch', 0 FROM deal d
WHERE d.outcome = 'open' AND d.archived_at IS NULL AND d.stage_due_at > unixepoch() * 1000000 AND NOT EXISTS (SELECT 1 FROM wakeup w WHERE w.id = d.id);
-- nobody is told of what happened before
INSERT INTO notification_cursor (workspace_id, id, sequence) SELECT workspace_id, id, event_sequence FROM audit_head;
