-- Handing a portfolio over, and what of it is to be taken back; clients nobody has talked to for long.

CREATE TABLE hand_over (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    from_user_id uuid NOT NULL,
    profile jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    undone_at timestamptz,
    undone_by jsonb,
    CONSTRAINT hand_over_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT hand_over_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT hand_over_from_user_id_fkey FOREIGN KEY (workspace_id, from_user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX hand_over_created_at_idx ON hand_over (workspace_id, created_at, id);
CREATE INDEX hand_over_from_user_id_created_at_idx ON hand_over (workspace_id, from_user_id, created_at, id);

-- `mark` is what else said who was responsible: why, of a lead.
CREATE TABLE hand_over_item (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    hand_over_id uuid NOT NULL,
    record text NOT NULL,
    record_id uuid NOT NULL,
    to_user_id uuid NOT NULL,
    mark text,
    CONSTRAINT hand_over_item_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT hand_over_item_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT hand_over_item_hand_over_id_fkey FOREIGN KEY (workspace_id, hand_over_id) REFERENCES hand_over (workspace_id, id),
    CONSTRAINT hand_over_item_to_user_id_fkey FOREIGN KEY (workspace_id, to_user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX hand_over_item_hand_over_id_idx ON hand_over_item (workspace_id, hand_over_id, id);
CREATE INDEX hand_over_item_to_user_id_idx ON hand_over_item (workspace_id, to_user_id);

CREATE INDEX contact_owner_id_silence_idx ON contact (workspace_id, owner_id, coalesce(last_communication_at, created_at), id);
