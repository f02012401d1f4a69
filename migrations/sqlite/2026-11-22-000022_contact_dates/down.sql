DROP INDEX contact_owner_id_dates_idx;
ALTER TABLE contact DROP COLUMN has_dates;
