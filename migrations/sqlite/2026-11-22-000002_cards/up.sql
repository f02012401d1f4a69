-- Choice lists and cards.

CREATE TABLE catalogue_entry (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    catalogue TEXT NOT NULL,
    key TEXT,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    color TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT catalogue_entry_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT catalogue_entry_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE UNIQUE INDEX catalogue_entry_catalogue_name_key_key ON catalogue_entry (workspace_id, catalogue, name_key);
CREATE UNIQUE INDEX catalogue_entry_catalogue_key_key ON catalogue_entry (workspace_id, catalogue, key);
CREATE INDEX catalogue_entry_catalogue_position_idx ON catalogue_entry (workspace_id, catalogue, position, id);
CREATE INDEX catalogue_entry_catalogue_sort_key_idx ON catalogue_entry (workspace_id, catalogue, sort_key, id);

CREATE TABLE company (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    external_id TEXT,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    tax_id TEXT,
    parent_id BLOB,
    owner_id BLOB,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT company_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT company_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT company_parent_id_fkey FOREIGN KEY (workspace_id, parent_id) REFERENCES company (workspace_id, id),
    CONSTRAINT company_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX company_external_id_key ON company (workspace_id, external_id);
CREATE INDEX company_updated_at_idx ON company (workspace_id, updated_at, id);
CREATE INDEX company_created_at_idx ON company (workspace_id, created_at, id);
CREATE INDEX company_sort_key_idx ON company (workspace_id, sort_key, id);
CREATE INDEX company_owner_id_updated_at_idx ON company (workspace_id, owner_id, updated_at, id);
CREATE INDEX company_parent_id_idx ON company (workspace_id, parent_id);
CREATE INDEX company_tax_id_idx ON company (workspace_id, tax_id);

CREATE TABLE contact (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    external_id TEXT,
    kind TEXT NOT NULL,
    status TEXT,
    display_name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    company_id BLOB,
    owner_id BLOB,
    source_id BLOB,
    profile TEXT NOT NULL,
    next_task_at INTEGER,
    next_task_key INTEGER NOT NULL,
    last_communication_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT contact_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT contact_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT contact_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id),
    CONSTRAINT contact_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id),
    CONSTRAINT contact_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id)
) STRICT;
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
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    contact_id BLOB,
    company_id BLOB,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    normalised TEXT NOT NULL,
    network TEXT,
    extension TEXT,
    label TEXT,
    is_primary INTEGER NOT NULL,
    validity TEXT NOT NULL,
    position INTEGER NOT NULL,
    CONSTRAINT contact_point_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT contact_point_card_check CHECK ((contact_id IS NULL) <> (company_id IS NULL)),
    CONSTRAINT contact_point_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT contact_point_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT contact_point_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX contact_point_kind_normalised_idx ON contact_point (workspace_id, kind, normalised);
CREATE INDEX contact_point_contact_id_idx ON contact_point (workspace_id, contact_id);
CREATE INDEX contact_point_company_id_idx ON contact_point (workspace_id, company_id);

CREATE TABLE contact_responsible (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    contact_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    direction TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT contact_responsible_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT contact_responsible_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT contact_responsible_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT contact_responsible_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX contact_responsible_contact_id_idx ON contact_responsible (workspace_id, contact_id);
CREATE INDEX contact_responsible_user_id_idx ON contact_responsible (workspace_id, user_id);

CREATE TABLE identity_lock (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT identity_lock_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT identity_lock_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE UNIQUE INDEX identity_lock_kind_value_key ON identity_lock (workspace_id, kind, value);

CREATE TABLE duplicate_candidate (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    record TEXT NOT NULL,
    one_id BLOB NOT NULL,
    other_id BLOB NOT NULL,
    score REAL NOT NULL,
    evidence TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT duplicate_candidate_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT duplicate_candidate_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE UNIQUE INDEX duplicate_candidate_record_one_id_other_id_key ON duplicate_candidate (workspace_id, record, one_id, other_id);
CREATE INDEX duplicate_candidate_state_created_at_idx ON duplicate_candidate (workspace_id, state, created_at, id);
