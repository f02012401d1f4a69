DROP TABLE IF EXISTS idempotency_key;
DROP TABLE IF EXISTS outbox_event;
DROP TABLE IF EXISTS audit_event;
