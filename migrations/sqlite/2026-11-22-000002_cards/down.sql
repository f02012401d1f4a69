DROP TABLE IF EXISTS duplicate_candidate;
DROP TABLE IF EXISTS identity_lock;
DROP TABLE IF EXISTS contact_responsible;
DROP TABLE IF EXISTS contact_point;
DROP TABLE IF EXISTS contact;
DROP TABLE IF EXISTS company;
DROP TABLE IF EXISTS catalogue_entry;
