-- The tenant, its people, and the doors by which they come in.

CREATE TABLE workspace (
    id BLOB NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    settings TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT workspace_pkey PRIMARY KEY (id)
) STRICT;
CREATE UNIQUE INDEX workspace_slug_key ON workspace (slug);

CREATE TABLE signing_key (
    id BLOB NOT NULL,
    algorithm TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT signing_key_pkey PRIMARY KEY (id)
) STRICT;

CREATE TABLE door (
    id BLOB NOT NULL,
    kind TEXT NOT NULL,
    hash BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    target BLOB NOT NULL,
    CONSTRAINT door_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX door_kind_hash_idx ON door (kind, hash);

CREATE TABLE wakeup (
    id BLOB NOT NULL,
    workspace_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    CONSTRAINT wakeup_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX wakeup_due_at_idx ON wakeup (due_at, id);

CREATE TABLE department (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    parent_id BLOB,
    head_id BLOB,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT department_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT department_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT department_parent_id_fkey FOREIGN KEY (workspace_id, parent_id) REFERENCES department (workspace_id, id),
    CONSTRAINT department_head_id_fkey FOREIGN KEY (workspace_id, head_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX department_sort_key_idx ON department (workspace_id, sort_key, id);
CREATE INDEX department_parent_id_idx ON department (workspace_id, parent_id);
CREATE INDEX department_head_id_idx ON department (workspace_id, head_id);

CREATE TABLE member (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    password_hash TEXT,
    role TEXT NOT NULL,
    department_id BLOB,
    active INTEGER NOT NULL,
    absent_until INTEGER,
    language TEXT,
    time_zone TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT member_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT member_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT member_department_id_fkey FOREIGN KEY (workspace_id, department_id) REFERENCES department (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX member_email_key ON member (workspace_id, email);
CREATE INDEX member_sort_key_idx ON member (workspace_id, sort_key, id);
CREATE INDEX member_created_at_idx ON member (workspace_id, created_at, id);
CREATE INDEX member_department_id_idx ON member (workspace_id, department_id);

CREATE TABLE session (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    refresh_hash BLOB NOT NULL,
    used_hash BLOB,
    rotated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ended_at INTEGER,
    address TEXT,
    CONSTRAINT session_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT session_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT session_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX session_user_id_idx ON session (workspace_id, user_id);

CREATE TABLE password_link (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT password_link_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT password_link_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT password_link_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX password_link_user_id_idx ON password_link (workspace_id, user_id);

CREATE TABLE api_key (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT api_key_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT api_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX api_key_sort_key_idx ON api_key (workspace_id, sort_key, id);
