-- What may come of communications, as a list with rules, and which of it came of each.

-- `channels` holds words between commas, `,call,meeting,`; empty means any.
CREATE TABLE communication_outcome (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name_key text COLLATE "C" NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    channels text NOT NULL,
    topic_key text COLLATE "C",
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT communication_outcome_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT communication_outcome_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
);
CREATE INDEX communication_outcome_position_idx ON communication_outcome (workspace_id, position, id);
CREATE INDEX communication_outcome_sort_key_idx ON communication_outcome (workspace_id, sort_key, id);
CREATE INDEX communication_outcome_created_at_idx ON communication_outcome (workspace_id, created_at, id);

ALTER TABLE communication ADD COLUMN outcome_id uuid;
ALTER TABLE communication ADD CONSTRAINT communication_outcome_id_fkey FOREIGN KEY (workspace_id, outcome_id) REFERENCES communication_outcome (workspace_id, id);
CREATE INDEX communication_outcome_id_occurred_at_idx ON communication (workspace_id, outcome_id, occurred_at, id) WHERE outcome_id IS NOT NULL;
