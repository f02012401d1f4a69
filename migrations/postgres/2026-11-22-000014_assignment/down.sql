DROP TABLE IF EXISTS escalation;
DROP TABLE IF EXISTS assignment_decision;
DROP TABLE IF EXISTS assignment_rule;
