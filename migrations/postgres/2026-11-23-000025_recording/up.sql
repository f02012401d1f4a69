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

-- Whoever could see communications could follow the links to their recordings: he may listen.
ALTER TABLE role NO FORCE ROW LEVEL SECURITY;
UPDATE role
SET profile = jsonb_set(profile, '{rights}', (profile -> 'rights') || '[{"record": "recording", "read": "all"}]'::jsonb)
WHERE jsonb_typeof(profile -> 'rights') = 'array' AND EXISTS (
    SELECT 1 FROM jsonb_array_elements(profile -> 'rights') AS seen
    WHERE seen ->> 'record' = 'communication' AND seen ->> 'read' <> 'none'
);
ALTER TABLE role FORCE ROW LEVEL SECURITY;
