-- Until when a key encrypts anything new, and how it is replaced. A key that was replaced stays for what it encrypted.
ALTER TABLE encryption_keys ADD COLUMN expires_at TIMESTAMP;  -- NULL: never
ALTER TABLE encryption_keys ADD COLUMN rotate_after_days INTEGER CHECK (rotate_after_days > 0);  -- NULL: only by hand
ALTER TABLE encryption_keys ADD COLUMN retired_at TIMESTAMP;  -- when another key took its place
ALTER TABLE encryption_keys ADD COLUMN successor_id INTEGER;  -- that other key; NULL: none, or it was deleted
-- When it was last on a key sheet. The audit log knows of the sheets that were taken before this was written down.
ALTER TABLE encryption_keys ADD COLUMN sheet_at TIMESTAMP;
UPDATE encryption_keys SET sheet_at = (
    SELECT max(a.created_at) FROM audit_logs a
    WHERE a.resource_type = 'encryption-key' AND a.action LIKE 'read-keysheet%' AND a.outcome = 'ok'
        AND a.created_at >= encryption_keys.created_at
);
