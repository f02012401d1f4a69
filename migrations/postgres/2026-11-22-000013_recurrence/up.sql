-- Recurring tasks: those of a series are found by its first one.

ALTER TABLE task ADD COLUMN series_id uuid;
CREATE INDEX task_series_id_status_idx ON task (workspace_id, series_id, status);
