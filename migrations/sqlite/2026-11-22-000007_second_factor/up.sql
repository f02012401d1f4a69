-- The second factor, who failed to sign in how often, and what sessions and keys tell of themselves.

-- `id` is the person's own.
CREATE TABLE second_factor (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    sealed BLOB NOT NULL,
    enabled_at INTEGER,
    last_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT second_factor_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT second_factor_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT second_factor_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES member (workspace_id, id)
) STRICT;

CREATE TABLE recovery_code (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    hash BLOB NOT NULL,
    used_at INTEGER,
    created_at INTEGER NOT NULL,
    CONSTRAINT recovery_code_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT recovery_code_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT recovery_code_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX recovery_code_user_id_idx ON recovery_code (workspace_id, user_id);

-- Belongs to no workspace: an e-mail nobody has is locked like one that somebody has. `id` is cut from a hash of what is locked.
CREATE TABLE lockout (
    id BLOB NOT NULL,
    failures INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    failed_at INTEGER NOT NULL,
    CONSTRAINT lockout_pkey PRIMARY KEY (id)
) STRICT;
CREATE INDEX lockout_failed_at_idx ON lockout (failed_at);

ALTER TABLE session ADD COLUMN user_agent TEXT;

ALTER TABLE api_key ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_key ADD COLUMN previous_hash BLOB;
ALTER TABLE api_key ADD COLUMN previous_until INTEGER;
