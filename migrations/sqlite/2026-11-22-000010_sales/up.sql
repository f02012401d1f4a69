-- Sales: pipelines with their stages, deals with line items, the way of each deal through the stages.

CREATE TABLE pipeline (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    position INTEGER NOT NULL,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT pipeline_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT pipeline_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX pipeline_position_idx ON pipeline (workspace_id, position, id);
CREATE INDEX pipeline_sort_key_idx ON pipeline (workspace_id, sort_key, id);
CREATE INDEX pipeline_created_at_idx ON pipeline (workspace_id, created_at, id);

CREATE TABLE stage (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    pipeline_id BLOB NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    time_limit_seconds INTEGER,
    profile TEXT NOT NULL,
    removed_at INTEGER,
    CONSTRAINT stage_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT stage_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT stage_pipeline_id_fkey FOREIGN KEY (workspace_id, pipeline_id) REFERENCES pipeline (workspace_id, id)
) STRICT;
CREATE INDEX stage_pipeline_id_position_idx ON stage (workspace_id, pipeline_id, position, id);

CREATE TABLE deal (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    sort_key TEXT NOT NULL,
    search_text TEXT NOT NULL,
    contact_id BLOB,
    company_id BLOB,
    pipeline_id BLOB NOT NULL,
    stage_id BLOB NOT NULL,
    outcome TEXT NOT NULL,
    lost_reason_id BLOB,
    amount INTEGER,
    currency TEXT NOT NULL,
    owner_id BLOB,
    source_id BLOB,
    lead_id BLOB,
    board_key TEXT NOT NULL,
    stage_due_at INTEGER,
    closed_at INTEGER,
    expected_key TEXT NOT NULL,
    profile TEXT NOT NULL,
    next_task_at INTEGER,
    next_task_key INTEGER NOT NULL,
    last_communication_at INTEGER,
    no_next_step_reason TEXT,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT deal_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT deal_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT deal_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT deal_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id),
    CONSTRAINT deal_pipeline_id_fkey FOREIGN KEY (workspace_id, pipeline_id) REFERENCES pipeline (workspace_id, id),
    CONSTRAINT deal_stage_id_fkey FOREIGN KEY (workspace_id, stage_id) REFERENCES stage (workspace_id, id),
    CONSTRAINT deal_lost_reason_id_fkey FOREIGN KEY (workspace_id, lost_reason_id) REFERENCES catalogue_entry (workspace_id, id),
    CONSTRAINT deal_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id),
    CONSTRAINT deal_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id),
    CONSTRAINT deal_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id)
) STRICT;
CREATE INDEX deal_updated_at_idx ON deal (workspace_id, updated_at, id);
CREATE INDEX deal_created_at_idx ON deal (workspace_id, created_at, id);
CREATE INDEX deal_next_task_key_idx ON deal (workspace_id, next_task_key, id);
CREATE INDEX deal_expected_key_idx ON deal (workspace_id, expected_key, id);
CREATE INDEX deal_stage_id_board_key_idx ON deal (workspace_id, stage_id, board_key, id);
CREATE INDEX deal_pipeline_id_outcome_idx ON deal (workspace_id, pipeline_id, outcome, stage_id, currency, amount);
CREATE INDEX deal_outcome_id_idx ON deal (workspace_id, outcome, id);
CREATE INDEX deal_outcome_next_task_key_idx ON deal (workspace_id, outcome, next_task_key, id);
CREATE INDEX deal_owner_id_outcome_idx ON deal (workspace_id, owner_id, outcome, id);
CREATE INDEX deal_contact_id_created_at_idx ON deal (workspace_id, contact_id, created_at, id);
CREATE INDEX deal_company_id_created_at_idx ON deal (workspace_id, company_id, created_at, id);
CREATE INDEX deal_source_id_idx ON deal (workspace_id, source_id);
CREATE INDEX deal_lost_reason_id_idx ON deal (workspace_id, lost_reason_id);
CREATE INDEX deal_lead_id_idx ON deal (workspace_id, lead_id);

CREATE TABLE deal_contact (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    deal_id BLOB NOT NULL,
    contact_id BLOB NOT NULL,
    role TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT deal_contact_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT deal_contact_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT deal_contact_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id) ON DELETE CASCADE,
    CONSTRAINT deal_contact_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id)
) STRICT;
CREATE INDEX deal_contact_deal_id_idx ON deal_contact (workspace_id, deal_id, position);
CREATE INDEX deal_contact_contact_id_idx ON deal_contact (workspace_id, contact_id, deal_id);

CREATE TABLE line_item (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    deal_id BLOB NOT NULL,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    code TEXT,
    total INTEGER NOT NULL,
    profile TEXT NOT NULL,
    CONSTRAINT line_item_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT line_item_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT line_item_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX line_item_deal_id_idx ON line_item (workspace_id, deal_id, position);

CREATE TABLE stage_change (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    deal_id BLOB NOT NULL,
    contact_id BLOB,
    from_stage_id BLOB,
    to_stage_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    seconds_in_from INTEGER,
    "by" TEXT NOT NULL,
    reason TEXT,
    CONSTRAINT stage_change_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT stage_change_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT stage_change_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id),
    CONSTRAINT stage_change_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id),
    CONSTRAINT stage_change_from_stage_id_fkey FOREIGN KEY (workspace_id, from_stage_id) REFERENCES stage (workspace_id, id),
    CONSTRAINT stage_change_to_stage_id_fkey FOREIGN KEY (workspace_id, to_stage_id) REFERENCES stage (workspace_id, id)
) STRICT;
CREATE INDEX stage_change_deal_id_at_idx ON stage_change (workspace_id, deal_id, at, id);
CREATE INDEX stage_change_contact_id_at_idx ON stage_change (workspace_id, contact_id, at, id);
CREATE INDEX stage_change_from_stage_id_idx ON stage_change (workspace_id, from_stage_id);
CREATE INDEX stage_change_to_stage_id_idx ON stage_change (workspace_id, to_stage_id);

ALTER TABLE contact ADD COLUMN no_next_step_reason TEXT;
ALTER TABLE lead ADD COLUMN no_next_step_reason TEXT;
CREATE INDEX lead_status_next_task_key_idx ON lead (workspace_id, status, next_task_key, id);
CREATE INDEX contact_kind_next_task_key_idx ON contact (workspace_id, kind, next_task_key, id);
ALTER TABLE task ADD COLUMN deal_id BLOB;
ALTER TABLE communication ADD COLUMN deal_id BLOB;
ALTER TABLE note ADD COLUMN deal_id BLOB;
-- a foreign key of two columns cannot be added by ALTER TABLE; the new column is empty everywhere, so that the definition alone changes
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', CONSTRAINT task_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id)) STRICT' WHERE type = 'table' AND name = 'task';
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', CONSTRAINT communication_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id)) STRICT' WHERE type = 'table' AND name = 'communication';
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', CONSTRAINT note_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id)) STRICT' WHERE type = 'table' AND name = 'note';
PRAGMA writable_schema = RESET;
CREATE INDEX task_deal_id_due_key_idx ON task (workspace_id, deal_id, due_key, id);
CREATE INDEX communication_deal_id_occurred_at_idx ON communication (workspace_id, deal_id, occurred_at, id);
CREATE INDEX note_deal_id_created_at_idx ON note (workspace_id, deal_id, created_at, id);
