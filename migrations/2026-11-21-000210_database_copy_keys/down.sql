ALTER TABLE database_backups DROP COLUMN key_by_hand;
ALTER TABLE database_backups DROP COLUMN key_fingerprint;
