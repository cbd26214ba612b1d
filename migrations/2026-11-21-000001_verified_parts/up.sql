-- When all that a part holds was last read back and compared.
ALTER TABLE backup_set_parts ADD COLUMN verified_at TIMESTAMP;
-- If a file goes on in the next part: SHA-256's intermediate value behind the content up to here, so that each tape can be
-- verified alone. NULL: no file goes on, or the value is not known (sparse files, copies).
ALTER TABLE backup_set_parts ADD COLUMN cut_sha256 BLOB;
UPDATE backup_set_parts SET verified_at = (SELECT verified_at FROM backup_sets WHERE id = backup_set_id);
