-- The key that opens a copy of the database, by its fingerprint: a key may be deleted and imported again. NULL: not known; a
-- rebuild of the catalog from the tape learns it.
ALTER TABLE database_backups ADD COLUMN key_fingerprint TEXT;
-- Whoever asked for the copy named its key, instead of leaving that to the settings.
ALTER TABLE database_backups ADD COLUMN key_by_hand BOOLEAN NOT NULL DEFAULT 0;
-- The runs that made the copies said which key they took.
UPDATE database_backups SET key_fingerprint = (
    SELECT json_extract(e.result, '$.key_fingerprint') FROM job_executions e
    WHERE e.kind = 'database_backup' AND e.status = 'completed'
        AND CASE WHEN json_valid(e.result) THEN json_extract(e.result, '$.database_backup_id') END = database_backups.id
    ORDER BY e.id DESC LIMIT 1
) WHERE set_uuid IS NOT NULL;
