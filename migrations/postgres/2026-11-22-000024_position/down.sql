DROP TABLE IF EXISTS meeting_presence;
DROP TABLE IF EXISTS kept_position;
DROP TABLE IF EXISTS position_consent;
