-- Rules of assignment, what they decided, and what was done about leads nobody reacted to.

-- `last_user_id` is where a round goes on: clockwork, no reference.
CREATE TABLE assignment_rule (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    active boolean NOT NULL,
    position bigint NOT NULL,
    last_user_id uuid,
    profile jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by jsonb NOT NULL,
    updated_by jsonb NOT NULL,
    archived_at timestamptz,
    CONSTRAINT assignment_rule_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT assignment_rule_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id)
);
CREATE INDEX assignment_rule_position_idx ON assignment_rule (workspace_id, position, id);
CREATE INDEX assignment_rule_created_at_idx ON assignment_rule (workspace_id, created_at, id);

CREATE TABLE assignment_decision (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    lead_id uuid NOT NULL,
    rule_id uuid,
    user_id uuid,
    profile jsonb NOT NULL,
    CONSTRAINT assignment_decision_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT assignment_decision_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT assignment_decision_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id),
    CONSTRAINT assignment_decision_rule_id_fkey FOREIGN KEY (workspace_id, rule_id) REFERENCES assignment_rule (workspace_id, id),
    CONSTRAINT assignment_decision_user_id_fkey FOREIGN KEY (workspace_id, user_id) REFERENCES member (workspace_id, id)
);
CREATE INDEX assignment_decision_at_idx ON assignment_decision (workspace_id, at, id);
CREATE INDEX assignment_decision_lead_id_at_idx ON assignment_decision (workspace_id, lead_id, at, id);
CREATE INDEX assignment_decision_rule_id_at_idx ON assignment_decision (workspace_id, rule_id, at, id);
CREATE INDEX assignment_decision_user_id_at_idx ON assignment_decision (workspace_id, user_id, at, id);

-- Each step once per lead, whoever does it.
CREATE TABLE escalation (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    step text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT escalation_pkey PRIMARY KEY (workspace_id, id),
    CONSTRAINT escalation_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspace (id),
    CONSTRAINT escalation_lead_id_fkey FOREIGN KEY (workspace_id, lead_id) REFERENCES lead (workspace_id, id)
);
CREATE UNIQUE INDEX escalation_lead_id_step_key ON escalation (workspace_id, lead_id, step);
