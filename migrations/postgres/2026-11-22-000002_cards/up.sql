-- Choice lists and cards.

CREATE TABLE catalogue_entry (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    catalogue text NOT NULL,
    key text COLLATE "C",
    name text NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    color text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT catalogue_entry_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX catalogue_entry_catalogue_name_key_key ON catalogue_entry (workspace_id, catalogue, name_key);
CREATE UNIQUE INDEX catalogue_entry_catalogue_key_key ON catalogue_entry (workspace_id, catalogue, key);
CREATE INDEX catalogue_entry_catalogue_position_idx ON catalogue_entry (workspace_id, catalogue, position, id);
CREATE INDEX catalogue_entry_catalogue_sort_key_idx ON catalogue_entry (workspace_id, catalogue, sort_key, id);

CREATE TABLE company (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    external_id text COLLATE "C",
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    tax_id text,
    parent_id uuid,
    owner_id uuid,
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT company_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX company_external_id_key ON company (workspace_id, external_id);
CREATE INDEX company_updated_at_idx ON company (workspace_id, updated_at, id);
CREATE INDEX company_created_at_idx ON company (workspace_id, created_at, id);
CREATE INDEX company_sort_key_idx ON company (workspace_id, sort_key, id);
CREATE INDEX company_owner_id_updated_at_idx ON company (workspace_id, owner_id, updated_at, id);
CREATE INDEX company_parent_id_idx ON company (workspace_id, parent_id);
CREATE INDEX company_tax_id_idx ON company (workspace_id, tax_id);

CREATE TABLE contact (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    external_id text COLLATE "C",
    kind text NOT NULL,
    status text,
    display_name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    company_id uuid,
    owner_id uuid,
    source_id uuid,
    profile jsonb NOT NULL,
    next_task_at timestamptz,
    next_task_key timestamptz NOT NULL,
    last_communication_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT contact_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX contact_external_id_key ON contact (workspace_id, external_id);
CREATE INDEX contact_updated_at_idx ON contact (workspace_id, updated_at, id);
CREATE INDEX contact_created_at_idx ON contact (workspace_id, created_at, id);
CREATE INDEX contact_sort_key_idx ON contact (workspace_id, sort_key, id);
CREATE INDEX contact_next_task_key_idx ON contact (workspace_id, next_task_key, id);
CREATE INDEX contact_owner_id_updated_at_idx ON contact (workspace_id, owner_id, updated_at, id);
CREATE INDEX contact_company_id_updated_at_idx ON contact (workspace_id, company_id, updated_at, id);
CREATE INDEX contact_source_id_updated_at_idx ON contact (workspace_id, source_id, updated_at, id);
CREATE INDEX contact_status_updated_at_idx ON contact (workspace_id, status, updated_at, id);

CREATE TABLE contact_point (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid,
    company_id uuid,
    kind text NOT NULL,
    value text COLLATE "C" NOT NULL,
    normalised text COLLATE "C" NOT NULL,
    network text,
    extension text,
    label text,
    is_primary boolean NOT NULL,
    validity text NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT contact_point_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT contact_point_card_check CHECK ((contact_id IS NULL) <> (company_id IS NULL))
);
CREATE INDEX contact_point_kind_normalised_idx ON contact_point (workspace_id, kind, normalised);
CREATE INDEX contact_point_contact_id_idx ON contact_point (workspace_id, contact_id);
CREATE INDEX contact_point_company_id_idx ON contact_point (workspace_id, company_id);

CREATE TABLE contact_responsible (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    user_id uuid NOT NULL,
    direction text,
    position bigint NOT NULL,
    CONSTRAINT contact_responsible_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX contact_responsible_contact_id_idx ON contact_responsible (workspace_id, contact_id);
CREATE INDEX contact_responsible_user_id_idx ON contact_responsible (workspace_id, user_id);

CREATE TABLE identity_lock (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    value text COLLATE "C" NOT NULL,
    CONSTRAINT identity_lock_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX identity_lock_kind_value_key ON identity_lock (workspace_id, kind, value);

CREATE TABLE duplicate_candidate (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    record text NOT NULL,
    one_id uuid NOT NULL,
    other_id uuid NOT NULL,
    score double precision NOT NULL,
    evidence jsonb NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT duplicate_candidate_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX duplicate_candidate_record_one_id_other_id_key ON duplicate_candidate (workspace_id, record, one_id, other_id);
CREATE INDEX duplicate_candidate_state_created_at_idx ON duplicate_candidate (workspace_id, state, created_at, id);

ALTER TABLE catalogue_entry ADD CONSTRAINT catalogue_entry_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE company ADD CONSTRAINT company_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE company ADD CONSTRAINT company_parent_id_fkey FOREIGN KEY (workspace_id, parent_id) REFERENCES company (workspace_id, id);
ALTER TABLE company ADD CONSTRAINT company_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id);
ALTER TABLE contact ADD CONSTRAINT contact_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE contact ADD CONSTRAINT contact_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id);
ALTER TABLE contact ADD CONSTRAINT contact_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id);
ALTER TABLE contact ADD CONSTRAINT contact_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE contact_point ADD CONSTRAINT contact_point_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE contact_point ADD CONSTRAINT contact_point_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE contact_point ADD CONSTRAINT contact_point_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE contact_responsible ADD CONSTRAINT contact_responsible_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE contact_responsible ADD CONSTRAINT contact_responsible_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE contact_responsible ADD CONSTRAINT contact_responsible_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id);
ALTER TABLE identity_lock ADD CONSTRAINT identity_lock_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE duplicate_candidate ADD CONSTRAINT duplicate_candidate_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
