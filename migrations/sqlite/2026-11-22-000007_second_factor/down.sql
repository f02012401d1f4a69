ALTER TABLE api_key DROP COLUMN previous_until;
ALTER TABLE api_key DROP COLUMN previous_hash;
ALTER TABLE api_key DROP COLUMN allowed_addresses;
ALTER TABLE session DROP COLUMN user_agent;
DROP TABLE IF EXISTS lockout;
DROP TABLE IF EXISTS recovery_code;
DROP TABLE IF EXISTS second_factor;
