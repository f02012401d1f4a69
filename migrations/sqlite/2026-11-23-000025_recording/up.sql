-- Recordings that are kept here, in pieces, so that none is read as a whole.

CREATE TABLE recording (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    communication_id BLOB NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT recording_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT recording_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT recording_communication_id_fkey FOREIGN KEY (workspace_id, communication_id) REFERENCES communication (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX recording_communication_id_key ON recording (workspace_id, communication_id);
CREATE INDEX recording_created_at_idx ON recording (workspace_id, created_at);

CREATE TABLE recording_piece (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    recording_id BLOB NOT NULL,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    CONSTRAINT recording_piece_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT recording_piece_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT recording_piece_recording_id_fkey FOREIGN KEY (workspace_id, recording_id) REFERENCES recording (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX recording_piece_recording_id_number_key ON recording_piece (workspace_id, recording_id, number);

-- Whoever could see communications could follow the links to their recordings: he may listen. From whom a rule hides the links, as far as it does, may not.
UPDATE role
SET profile = json_insert(profile, '$.rights[#]', json_object('record', 'recording', 'read', CASE WHEN EXISTS (
    SELECT 1 FROM json_each(role.profile, '$.field_rules') AS rule
    WHERE json_extract(rule.value, '$.record') = 'communication' AND json_extract(rule.value, '$.field') = 'recording_url'
        AND json_extract(rule.value, '$.effect') = 'hidden'
) THEN 'own' ELSE 'all' END))
WHERE json_type(profile, '$.rights') = 'array' AND EXISTS (
    SELECT 1 FROM json_each(role.profile, '$.rights') AS seen
    WHERE json_extract(seen.value, '$.record') = 'communication' AND json_extract(seen.value, '$.read') <> 'none'
) AND NOT EXISTS (
    SELECT 1 FROM json_each(role.profile, '$.field_rules') AS rule
    WHERE json_extract(rule.value, '$.record') = 'communication' AND json_extract(rule.value, '$.field') = 'recording_url'
        AND json_extract(rule.value, '$.effect') = 'hidden' AND coalesce(json_extract(rule.value, '$.except_own'), 0) = 0
);
