DROP INDEX IF EXISTS communication_outcome_id_occurred_at_idx;
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, ', CONSTRAINT communication_outcome_id_fkey FOREIGN KEY (workspace_id, outcome_id) REFERENCES communication_outcome (workspace_id, id)', '') WHERE type = 'table' AND name = 'communication';
PRAGMA writable_schema = RESET;
ALTER TABLE communication DROP COLUMN outcome_id;
DROP TABLE IF EXISTS communication_outcome;
