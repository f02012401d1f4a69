-- cards with a birthday or another date: calendars read them
ALTER TABLE contact ADD COLUMN has_dates INTEGER NOT NULL DEFAULT 0;
UPDATE contact SET has_dates = 1 WHERE json_extract(profile, '$.birthday') IS NOT NULL OR json_array_length(profile, '$.dates') > 0;
CREATE INDEX contact_owner_id_dates_idx ON contact (workspace_id, owner_id, id) WHERE has_dates;
