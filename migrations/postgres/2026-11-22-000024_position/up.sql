-- Positions sent by the mobile application, whether they may be kept, and which meeting whose positions tell the end of.

-- A row per person who ever consented.
CREATE TABLE position_consent (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    given_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT position_consent_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT position_consent_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT position_consent_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES member (workspace_id, id)
);

CREATE TABLE kept_position (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    at timestamptz NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    accuracy_m double precision,
    created_at timestamptz NOT NULL,
    CONSTRAINT kept_position_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT kept_position_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT kept_position_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE UNIQUE INDEX kept_position_user_id_at_key ON kept_position (workspace_id, user_id, at);
CREATE INDEX kept_position_at_idx ON kept_position (workspace_id, at);

-- A row per meeting that somebody checked in to, under the meeting's id.
CREATE TABLE meeting_presence (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT meeting_presence_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT meeting_presence_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT meeting_presence_id_fkey FOREIGN KEY (workspace_id, id) REFERENCES communication (workspace_id, id),
    CONSTRAINT meeting_presence_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX meeting_presence_user_id_since_idx ON meeting_presence (workspace_id, user_id, since);
CREATE INDEX meeting_presence_since_idx ON meeting_presence (workspace_id, since);
