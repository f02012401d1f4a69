-- Rules of assignment, what they decided, and what was done about leads nobody reacted to.

-- `last_user_id` is where a round goes on: clockwork, no reference.
CREATE TABLE assignment_rule (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    active INTEGER NOT NULL,
    position INTEGER NOT NULL,
    last_user_id BLOB,
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    archived_at INTEGER,
    CONSTRAINT assignment_rule_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT assignment_rule_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
) STRICT;
CREATE INDEX assignment_rule_position_idx ON assignment_rule (workspace_id, position, id);
CREATE INDEX assignment_rule_created_at_idx ON assignment_rule (workspace_id, created_at, id);

CREATE TABLE assignment_decision (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    at INTEGER NOT NULL,
    lead_id BLOB NOT NULL,
    rule_id BLOB,
    user_id BLOB,
    profile TEXT NOT NULL,
    CONSTRAINT assignment_decision_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT assignment_decision_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT assignment_decision_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id),
    CONSTRAINT assignment_decision_rule_id_fkey FOREIGN KEY (workspace_id, rule_id) REFERENCES assignment_rule (workspace_id, id),
    CONSTRAINT assignment_decision_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
) STRICT;
CREATE INDEX assignment_decision_at_idx ON assignment_decision (workspace_id, at, id);
CREATE INDEX assignment_decision_lead_id_at_idx ON assignment_decision (workspace_id, lead_id, at, id);
CREATE INDEX assignment_decision_rule_id_at_idx ON assignment_decision (workspace_id, rule_id, at, id);
CREATE INDEX assignment_decision_user_id_at_idx ON assignment_decision (workspace_id, user_id, at, id);

-- Each step once per lead, whoever does it.
CREATE TABLE escalation (
    workspace_id BLOB NOT NULL,
    id BLOB NOT NULL,
    lead_id BLOB NOT NULL,
    step TEXT NOT NULL,
    at INTEGER NOT NULL,
    CONSTRAINT escalation_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT escalation_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT escalation_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id)
) STRICT;
CREATE UNIQUE INDEX escalation_lead_id_step_key ON escalation (workspace_id, lead_id, step);
