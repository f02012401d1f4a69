DROP INDEX IF EXISTS task_series_id_status_idx;
ALTER TABLE task DROP COLUMN series_id;
