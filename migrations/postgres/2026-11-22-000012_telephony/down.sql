DROP TABLE IF EXISTS call;
DROP INDEX IF EXISTS communication_outcome_missing_idx;
DROP INDEX IF EXISTS communication_agreed_task_id_idx;
DROP INDEX IF EXISTS communication_triggered_by_id_idx;
ALTER TABLE communication DROP COLUMN outcome_missing;
ALTER TABLE communication DROP COLUMN agreed_task_id;
ALTER TABLE communication DROP COLUMN triggered_by_id;
