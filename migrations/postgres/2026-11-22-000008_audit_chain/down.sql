DROP TABLE IF EXISTS audit_head CASCADE;
ALTER TABLE audit_event
    DROP COLUMN IF EXISTS hash,
    DROP COLUMN IF EXISTS previous_hash,
    DROP COLUMN IF EXISTS sequence,
    DROP COLUMN IF EXISTS user_agent,
    DROP COLUMN IF EXISTS via;
DROP INDEX IF EXISTS audit_event_action_at_idx;
DROP INDEX IF EXISTS audit_event_actor_id_at_idx;
DROP INDEX IF EXISTS audit_event_request_id_idx;
