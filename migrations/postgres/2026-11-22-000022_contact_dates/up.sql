-- cards with a birthday or another date: calendars read them
ALTER TABLE contact ADD COLUMN has_dates boolean NOT NULL DEFAULT false;
ALTER TABLE contact NO FORCE ROW LEVEL SECURITY;
UPDATE contact SET has_dates = true WHERE profile->>'birthday' IS NOT NULL OR profile->'dates' <> '[]';
ALTER TABLE contact FORCE ROW LEVEL SECURITY;
CREATE INDEX contact_owner_id_dates_idx ON contact (workspace_id, owner_id, id) WHERE has_dates;
