-- Handing a portfolio over, and what of it is to be taken back; clients nobody has talked to for long.

CREATE TABLE hand_over (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    from_user_id BLOB NOT NULL,
    profile TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    undone_at INTEGER,
    undone_by TEXT,
    CONSTRAINT hand_over_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT hand_over_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT hand_over_from_user_id_fkey FOREIGN KEY (workspace_id, from_user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX hand_over_created_at_idx ON hand_over (workspace_id, created_at, id);
CREATE INDEX hand_over_from_user_id_created_at_idx ON hand_over (workspace_id, from_user_id, created_at, id);

-- `mark` is what else said who was responsible: why, of a lead.
CREATE TABLE hand_over_item (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    hand_over_id BLOB NOT NULL,
    record TEXT NOT NULL,
    record_id BLOB NOT NULL,
    to_user_id BLOB NOT NULL,
    mark TEXT,
    CONSTRAINT hand_over_item_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT hand_over_item_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT hand_over_item_hand_over_id_fkey FOREIGN KEY (workspace_id, hand_over_id) REFERENCES hand_over (workspace_id, id),
    CONSTRAINT hand_over_item_to_user_id_fkey FOREIGN KEY (workspace_id, to_user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX hand_over_item_hand_over_id_idx ON hand_over_item (workspace_id, hand_over_id, id);
CREATE INDEX hand_over_item_to_user_id_idx ON hand_over_item (workspace_id, to_user_id);

CREATE INDEX contact_owner_id_silence_idx ON contact (workspace_id, owner_id, coalesce(last_communication_at, created_at), id);
