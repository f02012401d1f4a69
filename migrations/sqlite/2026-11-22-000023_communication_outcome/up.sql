-- What may come of communications, as a list with rules, and which of it came of each.

-- `channels` holds words between commas, `,call,meeting,`; empty means any.
CREATE TABLE communication_outcome (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name_key TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    position INTEGER NOT NULL,
    channels TEXT NOT NULL,
    topic_key TEXT,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT communication_outcome_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT communication_outcome_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX communication_outcome_position_idx ON communication_outcome (workspace_id, position, id);
CREATE INDEX communication_outcome_sort_key_idx ON communication_outcome (workspace_id, sort_key, id);
CREATE INDEX communication_outcome_created_at_idx ON communication_outcome (workspace_id, created_at, id);

ALTER TABLE communication ADD COLUMN outcome_id BLOB;
-- a foreign key of two columns cannot be added by ALTER TABLE; the new column is empty everywhere, so that the definition alone changes
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', CONSTRAINT communication_outcome_id_fkey FOREIGN KEY (workspace_id, outcome_id) REFERENCES communication_outcome (workspace_id, id)) STRICT' WHERE type = 'table' AND name = 'communication';
PRAGMA writable_schema = RESET;
CREATE INDEX communication_outcome_id_occurred_at_idx ON communication (workspace_id, outcome_id, occurred_at, id) WHERE outcome_id IS NOT NULL;
