DROP INDEX IF EXISTS api_key_role_idx;
DROP INDEX IF EXISTS member_role_idx;
DROP TABLE IF EXISTS role;
