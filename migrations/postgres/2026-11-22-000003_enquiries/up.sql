-- Forms, what they sent, and the leads made of it.

CREATE TABLE form (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    active boolean NOT NULL,
    source_id uuid,
    settings jsonb NOT NULL,
    turn bigint NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT form_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX form_key_key ON form (workspace_id, key);
CREATE INDEX form_sort_key_idx ON form (workspace_id, sort_key, id);
CREATE INDEX form_source_id_idx ON form (workspace_id, source_id);

CREATE TABLE submission (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    form_id uuid NOT NULL,
    state text NOT NULL,
    reason text,
    fields jsonb NOT NULL,
    visit jsonb NOT NULL,
    content_type text,
    body bytea NOT NULL,
    page_url text,
    test boolean NOT NULL,
    received_at timestamptz NOT NULL,
    processed_at timestamptz,
    attempts bigint NOT NULL,
    next_attempt_at timestamptz,
    error text,
    lead_id uuid,
    contact_id uuid,
    duplicate_of uuid,
    content_hash bytea NOT NULL,
    idempotency_hash bytea,
    address text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT submission_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX submission_form_id_idempotency_hash_key ON submission (workspace_id, form_id, idempotency_hash);
CREATE INDEX submission_received_at_idx ON submission (workspace_id, received_at, id);
CREATE INDEX submission_form_id_received_at_idx ON submission (workspace_id, form_id, received_at, id);
CREATE INDEX submission_state_received_at_idx ON submission (workspace_id, state, received_at, id);
CREATE INDEX submission_contact_id_received_at_idx ON submission (workspace_id, contact_id, received_at, id);
CREATE INDEX submission_content_hash_idx ON submission (workspace_id, content_hash);
CREATE INDEX submission_lead_id_idx ON submission (workspace_id, lead_id);
CREATE INDEX submission_duplicate_of_idx ON submission (workspace_id, duplicate_of);

CREATE TABLE lead (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    company_id uuid,
    form_id uuid,
    submission_id uuid,
    source_id uuid,
    status text NOT NULL,
    reject_reason_id uuid,
    owner_id uuid,
    received_at timestamptz NOT NULL,
    first_response_at timestamptz,
    search_text text NOT NULL,
    profile jsonb NOT NULL,
    next_task_at timestamptz,
    next_task_key timestamptz NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT lead_pkey PRIMARY KEY (workspace_id, id)
);
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
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    tag_id uuid NOT NULL,
    contact_id uuid,
    company_id uuid,
    lead_id uuid,
    position bigint NOT NULL,
    CONSTRAINT tagging_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX tagging_tag_id_idx ON tagging (workspace_id, tag_id);
CREATE INDEX tagging_contact_id_idx ON tagging (workspace_id, contact_id);
CREATE INDEX tagging_company_id_idx ON tagging (workspace_id, company_id);
CREATE INDEX tagging_lead_id_idx ON tagging (workspace_id, lead_id);

ALTER TABLE form ADD CONSTRAINT form_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE form ADD CONSTRAINT form_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE submission ADD CONSTRAINT submission_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE submission ADD CONSTRAINT submission_form_id_fkey FOREIGN KEY (workspace_id, form_id) REFERENCES form (workspace_id, id);
ALTER TABLE submission ADD CONSTRAINT submission_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id);
ALTER TABLE submission ADD CONSTRAINT submission_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE submission ADD CONSTRAINT submission_duplicate_of_fkey FOREIGN KEY (workspace_id, duplicate_of) REFERENCES submission (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE lead ADD CONSTRAINT lead_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_form_id_fkey FOREIGN KEY (workspace_id, form_id) REFERENCES form (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_submission_id_fkey FOREIGN KEY (workspace_id, submission_id) REFERENCES submission (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_reject_reason_id_fkey FOREIGN KEY (workspace_id, reject_reason_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE lead ADD CONSTRAINT lead_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id);
ALTER TABLE tagging ADD CONSTRAINT tagging_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE tagging ADD CONSTRAINT tagging_tag_id_fkey FOREIGN KEY (workspace_id, tag_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE tagging ADD CONSTRAINT tagging_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE tagging ADD CONSTRAINT tagging_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE tagging ADD CONSTRAINT tagging_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id) ON DELETE CASCADE;
