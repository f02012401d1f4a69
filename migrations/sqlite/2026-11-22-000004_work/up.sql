-- Tasks, communications, notes.

CREATE TABLE task (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    due_at INTEGER,
    due_key INTEGER NOT NULL,
    owner_id BLOB NOT NULL,
    status TEXT NOT NULL,
    priority TEXT NOT NULL,
    contact_id BLOB,
    company_id BLOB,
    lead_id BLOB,
    completed_at INTEGER,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT task_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT task_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT task_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id),
    CONSTRAINT task_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT task_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id),
    CONSTRAINT task_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id)
) STRICT;
CREATE INDEX task_due_key_idx ON task (workspace_id, due_key, id);
CREATE INDEX task_created_at_idx ON task (workspace_id, created_at, id);
CREATE INDEX task_updated_at_idx ON task (workspace_id, updated_at, id);
CREATE INDEX task_owner_id_status_due_key_idx ON task (workspace_id, owner_id, status, due_key, id);
CREATE INDEX task_contact_id_due_key_idx ON task (workspace_id, contact_id, due_key, id);
CREATE INDEX task_company_id_due_key_idx ON task (workspace_id, company_id, due_key, id);
CREATE INDEX task_lead_id_due_key_idx ON task (workspace_id, lead_id, due_key, id);

CREATE TABLE communication (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    channel TEXT NOT NULL,
    direction TEXT NOT NULL,
    status TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    contact_id BLOB NOT NULL,
    lead_id BLOB,
    task_id BLOB,
    submission_id BLOB,
    owner_id BLOB,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT communication_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT communication_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT communication_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT communication_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id),
    CONSTRAINT communication_task_id_fkey FOREIGN KEY (workspace_id, task_id) REFERENCES task (workspace_id, id),
    CONSTRAINT communication_submission_id_fkey FOREIGN KEY (workspace_id, submission_id) REFERENCES submission (workspace_id, id),
    CONSTRAINT communication_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX communication_submission_id_key ON communication (workspace_id, submission_id);
CREATE INDEX communication_occurred_at_idx ON communication (workspace_id, occurred_at, id);
CREATE INDEX communication_created_at_idx ON communication (workspace_id, created_at, id);
CREATE INDEX communication_contact_id_occurred_at_idx ON communication (workspace_id, contact_id, occurred_at, id);
CREATE INDEX communication_lead_id_occurred_at_idx ON communication (workspace_id, lead_id, occurred_at, id);
CREATE INDEX communication_owner_id_occurred_at_idx ON communication (workspace_id, owner_id, occurred_at, id);
CREATE INDEX communication_task_id_idx ON communication (workspace_id, task_id);

CREATE TABLE note (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    body TEXT NOT NULL,
    pinned INTEGER NOT NULL,
    contact_id BLOB,
    company_id BLOB,
    lead_id BLOB,
    task_id BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT note_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT note_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT note_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT note_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id),
    CONSTRAINT note_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id),
    CONSTRAINT note_task_id_fkey FOREIGN KEY (workspace_id, task_id) REFERENCES task (workspace_id, id)
) STRICT;
CREATE INDEX note_created_at_idx ON note (workspace_id, created_at, id);
CREATE INDEX note_updated_at_idx ON note (workspace_id, updated_at, id);
CREATE INDEX note_contact_id_created_at_idx ON note (workspace_id, contact_id, created_at, id);
CREATE INDEX note_company_id_created_at_idx ON note (workspace_id, company_id, created_at, id);
CREATE INDEX note_lead_id_created_at_idx ON note (workspace_id, lead_id, created_at, id);
CREATE INDEX note_task_id_created_at_idx ON note (workspace_id, task_id, created_at, id);
