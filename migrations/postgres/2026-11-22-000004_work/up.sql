-- Tasks, communications, notes.

CREATE TABLE task (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz,
    due_key timestamptz NOT NULL,
    owner_id uuid NOT NULL,
    status text NOT NULL,
    priority text NOT NULL,
    contact_id uuid,
    company_id uuid,
    lead_id uuid,
    completed_at timestamptz,
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT task_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX task_due_key_idx ON task (workspace_id, due_key, id);
CREATE INDEX task_created_at_idx ON task (workspace_id, created_at, id);
CREATE INDEX task_updated_at_idx ON task (workspace_id, updated_at, id);
CREATE INDEX task_owner_id_status_due_key_idx ON task (workspace_id, owner_id, status, due_key, id);
CREATE INDEX task_contact_id_due_key_idx ON task (workspace_id, contact_id, due_key, id);
CREATE INDEX task_company_id_due_key_idx ON task (workspace_id, company_id, due_key, id);
CREATE INDEX task_lead_id_due_key_idx ON task (workspace_id, lead_id, due_key, id);

CREATE TABLE communication (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    channel text NOT NULL,
    direction text NOT NULL,
    status text NOT NULL,
    occurred_at timestamptz NOT NULL,
    contact_id uuid NOT NULL,
    lead_id uuid,
    task_id uuid,
    submission_id uuid,
    owner_id uuid,
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT communication_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX communication_submission_id_key ON communication (workspace_id, submission_id);
CREATE INDEX communication_occurred_at_idx ON communication (workspace_id, occurred_at, id);
CREATE INDEX communication_created_at_idx ON communication (workspace_id, created_at, id);
CREATE INDEX communication_contact_id_occurred_at_idx ON communication (workspace_id, contact_id, occurred_at, id);
CREATE INDEX communication_lead_id_occurred_at_idx ON communication (workspace_id, lead_id, occurred_at, id);
CREATE INDEX communication_owner_id_occurred_at_idx ON communication (workspace_id, owner_id, occurred_at, id);
CREATE INDEX communication_task_id_idx ON communication (workspace_id, task_id);

CREATE TABLE note (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    body text NOT NULL,
    pinned boolean NOT NULL,
    contact_id uuid,
    company_id uuid,
    lead_id uuid,
    task_id uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT note_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX note_created_at_idx ON note (workspace_id, created_at, id);
CREATE INDEX note_updated_at_idx ON note (workspace_id, updated_at, id);
CREATE INDEX note_contact_id_created_at_idx ON note (workspace_id, contact_id, created_at, id);
CREATE INDEX note_company_id_created_at_idx ON note (workspace_id, company_id, created_at, id);
CREATE INDEX note_lead_id_created_at_idx ON note (workspace_id, lead_id, created_at, id);
CREATE INDEX note_task_id_created_at_idx ON note (workspace_id, task_id, created_at, id);

ALTER TABLE task ADD CONSTRAINT task_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE task ADD CONSTRAINT task_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id);
ALTER TABLE task ADD CONSTRAINT task_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE task ADD CONSTRAINT task_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id);
ALTER TABLE task ADD CONSTRAINT task_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id);
ALTER TABLE communication ADD CONSTRAINT communication_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE communication ADD CONSTRAINT communication_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE communication ADD CONSTRAINT communication_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id);
ALTER TABLE communication ADD CONSTRAINT communication_task_id_fkey FOREIGN KEY (workspace_id, task_id) REFERENCES task (workspace_id, id);
ALTER TABLE communication ADD CONSTRAINT communication_submission_id_fkey FOREIGN KEY (workspace_id, submission_id) REFERENCES submission (workspace_id, id);
ALTER TABLE communication ADD CONSTRAINT communication_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id);
ALTER TABLE note ADD CONSTRAINT note_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE note ADD CONSTRAINT note_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE note ADD CONSTRAINT note_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id);
ALTER TABLE note ADD CONSTRAINT note_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id);
ALTER TABLE note ADD CONSTRAINT note_task_id_fkey FOREIGN KEY (workspace_id, task_id) REFERENCES task (workspace_id, id);
