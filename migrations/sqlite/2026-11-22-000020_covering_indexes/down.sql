DROP INDEX IF EXISTS task_owner_id_status_due_key_idx;
CREATE INDEX task_owner_id_status_due_key_idx ON task (workspace_id, owner_id, status, due_key, id);
DROP INDEX IF EXISTS contact_owner_id_silence_idx;
CREATE INDEX contact_owner_id_silence_idx ON contact (workspace_id, owner_id, coalesce(last_communication_at, created_at), id);
DROP INDEX IF EXISTS deal_pipeline_id_outcome_idx;
CREATE INDEX deal_pipeline_id_outcome_idx ON deal (workspace_id, pipeline_id, outcome, stage_id, currency, amount);
