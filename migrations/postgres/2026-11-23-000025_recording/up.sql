-- Recordings that are kept here, in pieces, so that none is read as a whole.

CREATE TABLE recording (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    communication_id uuid NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT recording_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT recording_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT recording_communication_id_fkey FOREIGN KEY (workspace_id, communication_id) REFERENCES communication (workspace_id, id)
);
CREATE UNIQUE INDEX recording_communication_id_key ON recording (workspace_id, communication_id);
CREATE INDEX recording_created_at_idx ON recording (workspace_id, created_at);

CREATE TABLE recording_piece (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    recording_id uuid NOT NULL,
    number bigint NOT NULL,
    bytes bytea NOT NULL,
    CONSTRAINT recording_piece_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT recording_piece_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT recording_piece_recording_id_fkey FOREIGN KEY (workspace_id, recording_id) REFERENCES recording (workspace_id, id)
);
CREATE UNIQUE INDEX recording_piece_recording_id_number_key ON recording_piece (workspace_id, recording_id, number);
-- sound is compressed already
ALTER TABLE recording_piece ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Whoever could see communications could follow the links to their recordings: he may listen. From whom a rule hides the links, as far as it does, may not.
ALTER TABLE role NO FORCE ROW LEVEL SECURITY;
UPDATE role
SET profile = jsonb_set(profile, '{rights}', (profile -> 'rights') || jsonb_build_array(jsonb_build_object('record', 'recording', 'read', CASE
    WHEN profile -> 'field_rules' @> '[{"record": "communication", "field": "recording_url", "effect": "hidden"}]'::jsonb THEN 'own' ELSE 'all'
END)))
WHERE jsonb_typeof(profile -> 'rights') = 'array' AND EXISTS (
    SELECT 1 FROM jsonb_array_elements(profile -> 'rights') AS seen
    WHERE seen ->> 'record' = 'communication' AND seen ->> 'read' <> 'none'
) AND NOT EXISTS (
    SELECT 1 FROM jsonb_array_elements(CASE WHEN jsonb_typeof(profile -> 'field_rules') = 'array' THEN profile -> 'field_rules' ELSE '[]'::jsonb END) AS rule
    WHERE rule @> '{"record": "communication", "field": "recording_url", "effect": "hidden"}'::jsonb
        AND coalesce(rule ->> 'except_own', 'false') = 'false'
);
ALTER TABLE role FORCE ROW LEVEL SECURITY;
