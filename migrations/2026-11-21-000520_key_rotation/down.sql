ALTER TABLE encryption_keys DROP COLUMN sheet_at;
ALTER TABLE encryption_keys DROP COLUMN successor_id;
ALTER TABLE encryption_keys DROP COLUMN retired_at;
ALTER TABLE encryption_keys DROP COLUMN rotate_after_days;
ALTER TABLE encryption_keys DROP COLUMN expires_at;
