DROP INDEX IF EXISTS contact_owner_id_silence_idx;
DROP TABLE IF EXISTS hand_over_item;
DROP TABLE IF EXISTS hand_over;
