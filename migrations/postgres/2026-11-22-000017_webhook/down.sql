DROP TABLE IF EXISTS webhook_delivery;
DROP TABLE IF EXISTS webhook;
