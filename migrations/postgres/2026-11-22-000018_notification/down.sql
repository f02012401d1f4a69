DELETE FROM wakeup WHERE kind IN ('task_watch', 'deal_watch', 'digest_plan', 'digest', 'deliver_email', 'deliver_telegram');
DROP TABLE IF EXISTS notification_cursor;
DROP TABLE IF EXISTS notification_delivery;
DROP TABLE IF EXISTS notification_setting;
DROP TABLE IF EXISTS notification;
