DROP TABLE IF EXISTS recording_piece;
DROP TABLE IF EXISTS recording;
UPDATE role
SET profile = json_set(profile, '$.rights', (
    SELECT json_group_array(json(kept.value)) FROM json_each(role.profile, '$.rights') AS kept
    WHERE json_extract(kept.value, '$.record') <> 'recording'
))
WHERE json_type(profile, '$.rights') = 'array';
UPDATE communication SET profile = json_remove(profile, '$.recording') WHERE json_type(profile, '$.recording') IS NOT NULL;
