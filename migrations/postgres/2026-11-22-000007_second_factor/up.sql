-- The second factor, who failed to sign in how often, and what sessions and keys tell of themselves.

-- `id` is the person's own.
CREATE TABLE second_factor (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    sealed bytea NOT NULL,
    enabled_at timestamptz,
    last_step bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT second_factor_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT second_factor_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT second_factor_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES member (workspace_id, id)
);

CREATE TABLE recovery_code (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    used_at timestamptz,
    created_at timestamptz NOT NULL,
    CONSTRAINT recovery_code_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT recovery_code_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT recovery_code_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX recovery_code_user_id_idx ON recovery_code (workspace_id, user_id);

-- Belongs to no workspace: an e-mail nobody has is locked like one that somebody has. `id` is cut from a hash of what is locked.
CREATE TABLE lockout (
    id uuid NOT NULL,
    failures bigint NOT NULL,
    locked_until timestamptz NOT NULL,
    failed_at timestamptz NOT NULL,
    CONSTRAINT lockout_pkey PRIMARY KEY (id)
);
CREATE INDEX lockout_failed_at_idx ON lockout (failed_at);

ALTER TABLE session ADD COLUMN user_agent text;

ALTER TABLE api_key ADD COLUMN allowed_addresses jsonb NOT NULL DEFAULT '[]';
ALTER TABLE api_key ADD COLUMN previous_hash bytea;
ALTER TABLE api_key ADD COLUMN previous_until timestamptz;
