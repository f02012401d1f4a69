DROP TABLE IF EXISTS calendar_link;
