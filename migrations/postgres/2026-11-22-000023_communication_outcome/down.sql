DROP INDEX IF EXISTS communication_outcome_id_occurred_at_idx;
ALTER TABLE communication DROP COLUMN outcome_id;
DROP TABLE IF EXISTS communication_outcome CASCADE;
