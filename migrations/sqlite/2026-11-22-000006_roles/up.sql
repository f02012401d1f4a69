-- Roles as data: the ready-made ones of each workspace, which may be changed, and its own.

CREATE TABLE role (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    ready_made INTEGER NOT NULL,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT role_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT role_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE UNIQUE INDEX role_key_key ON role (workspace_id, key);
CREATE INDEX role_sort_key_idx ON role (workspace_id, sort_key, id);
CREATE INDEX role_created_at_idx ON role (workspace_id, created_at, id);
CREATE INDEX member_role_idx ON member (workspace_id, role);
CREATE INDEX api_key_role_idx ON api_key (workspace_id, role);
