-- Roles as data: the ready-made ones of each workspace, which may be changed, and its own.

CREATE TABLE role (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    ready_made boolean NOT NULL,
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT role_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT role_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
);
CREATE UNIQUE INDEX role_key_key ON role (workspace_id, key);
CREATE INDEX role_sort_key_idx ON role (workspace_id, sort_key, id);
CREATE INDEX role_created_at_idx ON role (workspace_id, created_at, id);
CREATE INDEX member_role_idx ON member (workspace_id, role);
CREATE INDEX api_key_role_idx ON api_key (workspace_id, role);
