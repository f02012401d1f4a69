-- Sales: pipelines with their stages, deals with line items, the way of each deal through the stages.

CREATE TABLE pipeline (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    position bigint NOT NULL,
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT pipeline_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX pipeline_position_idx ON pipeline (workspace_id, position, id);
CREATE INDEX pipeline_sort_key_idx ON pipeline (workspace_id, sort_key, id);
CREATE INDEX pipeline_created_at_idx ON pipeline (workspace_id, created_at, id);

CREATE TABLE stage (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    position bigint NOT NULL,
    time_limit_seconds bigint,
    profile jsonb NOT NULL,
    removed_at timestamptz,
    CONSTRAINT stage_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX stage_pipeline_id_position_idx ON stage (workspace_id, pipeline_id, position, id);

CREATE TABLE deal (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    sort_key text COLLATE "C" NOT NULL,
    search_text text NOT NULL,
    contact_id uuid,
    company_id uuid,
    pipeline_id uuid NOT NULL,
    stage_id uuid NOT NULL,
    outcome text NOT NULL,
    lost_reason_id uuid,
    amount bigint,
    currency text NOT NULL,
    owner_id uuid,
    source_id uuid,
    lead_id uuid,
    board_key text COLLATE "C" NOT NULL,
    stage_due_at timestamptz,
    closed_at timestamptz,
    expected_key text COLLATE "C" NOT NULL,
    profile jsonb NOT NULL,
    next_task_at timestamptz,
    next_task_key timestamptz NOT NULL,
    last_communication_at timestamptz,
    no_next_step_reason text,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT deal_pkey PRIMARY KEY (workspace_id, id)
);
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
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    deal_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    role text,
    position bigint NOT NULL,
    CONSTRAINT deal_contact_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX deal_contact_deal_id_idx ON deal_contact (workspace_id, deal_id, position);
CREATE INDEX deal_contact_contact_id_idx ON deal_contact (workspace_id, contact_id, deal_id);

CREATE TABLE line_item (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    deal_id uuid NOT NULL,
    position bigint NOT NULL,
    name text NOT NULL,
    code text,
    total bigint NOT NULL,
    profile jsonb NOT NULL,
    CONSTRAINT line_item_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX line_item_deal_id_idx ON line_item (workspace_id, deal_id, position);

CREATE TABLE stage_change (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    deal_id uuid NOT NULL,
    contact_id uuid,
    from_stage_id uuid,
    to_stage_id uuid NOT NULL,
    at timestamptz NOT NULL,
    seconds_in_from bigint,
    "by" jsonb NOT NULL,
    reason text,
    CONSTRAINT stage_change_pkey PRIMARY KEY (workspace_id, id)
);
CREATE INDEX stage_change_deal_id_at_idx ON stage_change (workspace_id, deal_id, at, id);
CREATE INDEX stage_change_contact_id_at_idx ON stage_change (workspace_id, contact_id, at, id);
CREATE INDEX stage_change_from_stage_id_idx ON stage_change (workspace_id, from_stage_id);
CREATE INDEX stage_change_to_stage_id_idx ON stage_change (workspace_id, to_stage_id);

ALTER TABLE contact ADD COLUMN no_next_step_reason text;
ALTER TABLE lead ADD COLUMN no_next_step_reason text;
CREATE INDEX lead_status_next_task_key_idx ON lead (workspace_id, status, next_task_key, id);
CREATE INDEX contact_kind_next_task_key_idx ON contact (workspace_id, kind, next_task_key, id);
ALTER TABLE task ADD COLUMN deal_id uuid;
ALTER TABLE communication ADD COLUMN deal_id uuid;
ALTER TABLE note ADD COLUMN deal_id uuid;
CREATE INDEX task_deal_id_due_key_idx ON task (workspace_id, deal_id, due_key, id);
CREATE INDEX communication_deal_id_occurred_at_idx ON communication (workspace_id, deal_id, occurred_at, id);
CREATE INDEX note_deal_id_created_at_idx ON note (workspace_id, deal_id, created_at, id);

ALTER TABLE pipeline ADD CONSTRAINT pipeline_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE stage ADD CONSTRAINT stage_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE stage ADD CONSTRAINT stage_pipeline_id_fkey FOREIGN KEY (workspace_id, pipeline_id) REFERENCES pipeline (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE deal ADD CONSTRAINT deal_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_company_id_fkey FOREIGN KEY (workspace_id, company_id) REFERENCES company (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_pipeline_id_fkey FOREIGN KEY (workspace_id, pipeline_id) REFERENCES pipeline (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_stage_id_fkey FOREIGN KEY (workspace_id, stage_id) REFERENCES stage (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_lost_reason_id_fkey FOREIGN KEY (workspace_id, lost_reason_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_owner_id_fkey FOREIGN KEY (workspace_id, owner_id) REFERENCES member (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_source_id_fkey FOREIGN KEY (workspace_id, source_id) REFERENCES catalogue_entry (workspace_id, id);
ALTER TABLE deal ADD CONSTRAINT deal_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id);
ALTER TABLE deal_contact ADD CONSTRAINT deal_contact_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE deal_contact ADD CONSTRAINT deal_contact_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE deal_contact ADD CONSTRAINT deal_contact_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE line_item ADD CONSTRAINT line_item_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE line_item ADD CONSTRAINT line_item_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id) ON DELETE CASCADE;
ALTER TABLE stage_change ADD CONSTRAINT stage_change_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id);
ALTER TABLE stage_change ADD CONSTRAINT stage_change_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id);
ALTER TABLE stage_change ADD CONSTRAINT stage_change_contact_id_fkey FOREIGN KEY (workspace_id, contact_id) REFERENCES contact (workspace_id, id);
ALTER TABLE stage_change ADD CONSTRAINT stage_change_from_stage_id_fkey FOREIGN KEY (workspace_id, from_stage_id) REFERENCES stage (workspace_id, id);
ALTER TABLE stage_change ADD CONSTRAINT stage_change_to_stage_id_fkey FOREIGN KEY (workspace_id, to_stage_id) REFERENCES stage (workspace_id, id);
ALTER TABLE task ADD CONSTRAINT task_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id);
ALTER TABLE communication ADD CONSTRAINT communication_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id);
ALTER TABLE note ADD CONSTRAINT note_deal_id_fkey FOREIGN KEY (workspace_id, deal_id) REFERENCES deal (workspace_id, id);
