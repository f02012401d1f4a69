DROP TABLE IF EXISTS recording_piece;
DROP TABLE IF EXISTS recording;
ALTER TABLE role NO FORCE ROW LEVEL SECURITY;
UPDATE role
SET profile = jsonb_set(profile, '{rights}', COALESCE((
    SELECT jsonb_agg(kept ORDER BY place) FROM jsonb_array_elements(profile -> 'rights') WITH ORDINALITY AS all_rights (kept, place)
    WHERE kept ->> 'record' <> 'recording'
), '[]'::jsonb))
WHERE jsonb_typeof(profile -> 'rights') = 'array';
ALTER TABLE role FORCE ROW LEVEL SECURITY;
ALTER TABLE communication NO FORCE ROW LEVEL SECURITY;
UPDATE communication SET profile = profile - 'recording' WHERE profile ? 'recording';
ALTER TABLE communication FORCE ROW LEVEL SECURITY;
