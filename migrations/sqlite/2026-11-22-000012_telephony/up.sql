-- Chains of triggers, outcomes that are missing, and calls as a telephone exchange tells of them.

-- `triggered_by_id` is of whatever kind led here: no foreign key can say which.
ALTER TABLE communication ADD COLUMN triggered_by_id BLOB;
ALTER TABLE communication ADD COLUMN agreed_task_id BLOB;
ALTER TABLE communication ADD COLUMN outcome_missing INTEGER NOT NULL DEFAULT 0;
UPDATE communication SET
    triggered_by_id = unhex(replace(json_extract(profile, '$.triggered_by.id'), '-', '')),
    agreed_task_id = unhex(replace(json_extract(profile, '$.next_task.id'), '-', '')),
    outcome_missing = status = 'done' AND channel NOT IN ('form', 'survey')
        AND json_extract(profile, '$.outcome') IS NULL AND json_extract(profile, '$.next_task') IS NULL;
CREATE INDEX communication_triggered_by_id_idx ON communication (workspace_id, triggered_by_id);
CREATE INDEX communication_agreed_task_id_idx ON communication (workspace_id, agreed_task_id);
CREATE INDEX communication_outcome_missing_idx ON communication (workspace_id, outcome_missing, occurred_at, id);

-- One call: `events` are all that was told of it, exact text.
CREATE TABLE call (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    call_id TEXT NOT NULL,
    events TEXT NOT NULL,
    communication_id BLOB,
    lead_id BLOB,
    task_id BLOB,
    made_contact INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT call_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT call_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT call_communication_id_fkey FOREIGN KEY (workspace_id, communication_id) REFERENCES communication (workspace_id, id),
    CONSTRAINT call_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id),
    CONSTRAINT call_task_id_fkey FOREIGN KEY (workspace_id, task_id) REFERENCES task (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX call_call_id_key ON call (workspace_id, call_id);
CREATE INDEX call_communication_id_idx ON call (workspace_id, communication_id);
CREATE INDEX call_lead_id_idx ON call (workspace_id, lead_id);
CREATE INDEX call_task_id_idx ON call (workspace_id, task_id);
