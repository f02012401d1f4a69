-- Cards without a name are shown by a phone or an address, which some roles see masked: they sort after all names, by nothing.

UPDATE contact SET sort_key = char(1114109)
WHERE json_extract(profile, '$.last_name') IS NULL AND json_extract(profile, '$.first_name') IS NULL AND json_extract(profile, '$.middle_name') IS NULL;
