ALTER TABLE backup_set_parts DROP COLUMN cut_sha256;
ALTER TABLE backup_set_parts DROP COLUMN verified_at;
