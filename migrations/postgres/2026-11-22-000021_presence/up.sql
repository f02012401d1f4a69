-- Who has which card open at this moment: one row for each open stream, believed only until it expires.

CREATE TABLE presence (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    record text NOT NULL,
    record_id uuid NOT NULL,
    since timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT presence_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT presence_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT presence_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX presence_record_record_id_idx ON presence (workspace_id, record, record_id, expires_at);
CREATE INDEX presence_expires_at_idx ON presence (workspace_id, expires_at);
CREATE INDEX presence_user_id_idx ON presence (workspace_id, user_id);
