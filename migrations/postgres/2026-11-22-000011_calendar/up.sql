-- Links to calendars: the secret's hash is a door's, this is whether there is one. `id` is the person's own.

CREATE TABLE calendar_link (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    read_at timestamptz,
    CONSTRAINT calendar_link_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT calendar_link_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT calendar_link_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES member (workspace_id, id)
);
