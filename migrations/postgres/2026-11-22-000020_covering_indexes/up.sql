-- counts and sums of a person's day and of a board are answered from these alone
DROP INDEX task_owner_id_status_due_key_idx;
CREATE INDEX task_owner_id_status_due_key_idx ON task (workspace_id, owner_id, status, due_key, id, archived_at);
DROP INDEX contact_owner_id_silence_idx;
CREATE INDEX contact_owner_id_silence_idx ON contact (workspace_id, owner_id, coalesce(last_communication_at, created_at), id, archived_at);
DROP INDEX deal_pipeline_id_outcome_idx;
CREATE INDEX deal_pipeline_id_outcome_idx ON deal (workspace_id, pipeline_id, outcome, closed_at, archived_at, stage_id, currency, amount);
