-- The tenant, its people, and the doors by which they come in.

CREATE TABLE workspace (
    id uuid NOT NULL,
    slug text COLLATE "C" NOT NULL,
    name text NOT NULL,
    settings jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT workspace_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX workspace_slug_key ON workspace (slug);

CREATE TABLE signing_key (
    id uuid NOT NULL,
    algorithm text NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT signing_key_pkey PRIMARY KEY (id)
);

CREATE TABLE door (
    id uuid NOT NULL,
    kind text NOT NULL,
    hash bytea NOT NULL,
    workspace_id uuid NOT NULL,
    target uuid NOT NULL,
    CONSTRAINT door_pkey PRIMARY KEY (id)
);
CREATE INDEX door_kind_hash_idx ON door (kind, hash);

CREATE TABLE wakeup (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    CONSTRAINT wakeup_pkey PRIMARY KEY (id)
);
CREATE INDEX wakeup_due_at_idx ON wakeup (due_at, id);

CREATE TABLE department (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    parent_id uuid,
    head_id uuid,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT department_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX department_sort_key_idx ON department (workspace_id, sort_key, id);
CREATE INDEX department_parent_id_idx ON department (workspace_id, parent_id);
CREATE INDEX department_head_id_idx ON department (workspace_id, head_id);

CREATE TABLE member (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    email text COLLATE "C" NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    password_hash text,
    role text NOT NULL,
    department_id uuid,
    active boolean NOT NULL,
    absent_until timestamptz,
    language text,
    time_zone text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT member_pkey PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX member_email_key ON member (workspace_id, email);
CREATE INDEX member_sort_key_idx ON member (workspace_id, sort_key, id);
CREATE INDEX member_created_at_idx ON member (workspace_id, created_at, id);
CREATE INDEX member_department_id_idx ON member (workspace_id, department_id);

CREATE TABLE session (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    refresh_hash bytea NOT NULL,
    used_hash bytea,
    rotated_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    address text,
    CONSTRAINT session_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX session_user_id_idx ON session (workspace_id, user_id);

CREATE TABLE password_link (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT password_link_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX password_link_user_id_idx ON password_link (workspace_id, user_id);

CREATE TABLE api_key (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    role text NOT NULL,
    secret_hash bytea NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT api_key_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX api_key_sort_key_idx ON api_key (workspace_id, sort_key, id);

ALTER TABLE department ADD CONSTRAINT department_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE department ADD CONSTRAINT department_parent_id_fkey FOREIGN KEY (workspace_id, parent_id) REFERENCES department (workspace_id, id);
ALTER TABLE department ADD CONSTRAINT department_head_id_fkey FOREIGN KEY (workspace_id, head_id) REFERENCES member (workspace_id, id);
ALTER TABLE member ADD CONSTRAINT member_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE member ADD CONSTRAINT member_department_id_fkey FOREIGN KEY (workspace_id, department_id) REFERENCES department (workspace_id, id);
ALTER TABLE session ADD CONSTRAINT session_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE session ADD CONSTRAINT session_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id);
ALTER TABLE password_link ADD CONSTRAINT password_link_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE password_link ADD CONSTRAINT password_link_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id);
ALTER TABLE api_key ADD CONSTRAINT api_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
