-- Forms, what they sent, and the leads made of it.

CREATE TABLE form (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    active INTEGER NOT NULL,
    source_id BLOB,
    settings TEXT NOT NULL,
    turn INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT form_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT form_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT form_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX form_key_key ON form (workspace_id, key);
CREATE INDEX form_sort_key_idx ON form (workspace_id, sort_key, id);
CREATE INDEX form_source_id_idx ON form (workspace_id, source_id);

CREATE TABLE submission (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    form_id BLOB NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    fields TEXT NOT NULL,
    visit TEXT NOT NULL,
    content_type TEXT,
    body BLOB NOT NULL,
    page_url TEXT,
    test INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    processed_at INTEGER,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER,
    error TEXT,
    lead_id BLOB,
    contact_id BLOB,
    duplicate_of BLOB,
    content_hash BLOB NOT NULL,
    idempotency_hash BLOB,
    address TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT submission_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT submission_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT submission_form_id_fkey FOREIGN KEY (workspace_id, form_id) REFERENCES form (workspace_id, id),
    CONSTRAINT submission_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id),
    CONSTRAINT submission_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT submission_duplicate_of_fkey FOREIGN KEY (workspace_id, duplicate_of) REFERENCES submission (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX submission_form_id_idempotency_hash_key ON submission (workspace_id, form_id, idempotency_hash);
CREATE INDEX submission_received_at_idx ON submission (workspace_id, received_at, id);
CREATE INDEX submission_form_id_received_at_idx ON submission (workspace_id, form_id, received_at, id);
CREATE INDEX submission_state_received_at_idx ON submission (workspace_id, state, received_at, id);
CREATE INDEX submission_contact_id_received_at_idx ON submission (workspace_id, contact_id, received_at, id);
CREATE INDEX submission_content_hash_idx ON submission (workspace_id, content_hash);
CREATE INDEX submission_lead_id_idx ON submission (workspace_id, lead_id);
CREATE INDEX submission_duplicate_of_idx ON submission (workspace_id, duplicate_of);

CREATE TABLE lead (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    contact_id BLOB NOT NULL,
    company_id BLOB,
    form_id BLOB,
    submission_id BLOB,
    source_id BLOB,
    status TEXT NOT NULL,
    reject_reason_id BLOB,
    owner_id BLOB,
    received_at INTEGER NOT NULL,
    first_response_at INTEGER,
    search_text TEXT NOT NULL,
    profile TEXT NOT NULL,
    next_task_at INTEGER,
    next_task_key INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT lead_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT lead_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT lead_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT lead_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id),
    CONSTRAINT lead_form_id_fkey FOREIGN KEY (workspace_id, form_id) REFERENCES form (workspace_id, id),
    CONSTRAINT lead_submission_id_fkey FOREIGN KEY (workspace_id, submission_id) REFERENCES submission (workspace_id, id),
    CONSTRAINT lead_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id),
    CONSTRAINT lead_reject_reason_id_fkey FOREIGN KEY (workspace_id, reject_reason_id) REFERENCES catalogue_entry (workspace_id, id),
    CONSTRAINT lead_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX lead_submission_id_key ON lead (workspace_id, submission_id);
CREATE INDEX lead_received_at_idx ON lead (workspace_id, received_at, id);
CREATE INDEX lead_updated_at_idx ON lead (workspace_id, updated_at, id);
CREATE INDEX lead_next_task_key_idx ON lead (workspace_id, next_task_key, id);
CREATE INDEX lead_owner_id_received_at_idx ON lead (workspace_id, owner_id, received_at, id);
CREATE INDEX lead_contact_id_received_at_idx ON lead (workspace_id, contact_id, received_at, id);
CREATE INDEX lead_status_received_at_idx ON lead (workspace_id, status, received_at, id);
CREATE INDEX lead_form_id_received_at_idx ON lead (workspace_id, form_id, received_at, id);
CREATE INDEX lead_source_id_received_at_idx ON lead (workspace_id, source_id, received_at, id);
CREATE INDEX lead_company_id_idx ON lead (workspace_id, company_id);
CREATE INDEX lead_reject_reason_id_idx ON lead (workspace_id, reject_reason_id);

CREATE TABLE tagging (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    tag_id BLOB NOT NULL,
    contact_id BLOB,
    company_id BLOB,
    lead_id BLOB,
    position INTEGER NOT NULL,
    CONSTRAINT tagging_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT tagging_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT tagging_tag_id_fkey FOREIGN KEY (workspace_id, tag_id) REFERENCES catalogue_entry (workspace_id, id),
    CONSTRAINT tagging_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT tagging_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT tagging_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX tagging_tag_id_idx ON tagging (workspace_id, tag_id);
CREATE INDEX tagging_contact_id_idx ON tagging (workspace_id, contact_id);
CREATE INDEX tagging_company_id_idx ON tagging (workspace_id, company_id);
CREATE INDEX tagging_lead_id_idx ON tagging (workspace_id, lead_id);
