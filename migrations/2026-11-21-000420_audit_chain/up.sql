-- Each line of the audit log carries a hash over itself and the hash of the line before it. Lines of older versions get
-- theirs when the server starts.
ALTER TABLE audit_logs ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE TABLE audit_chain (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    pruned_id INTEGER NOT NULL DEFAULT 0,  -- the last line that retention deleted, and its hash
    pruned_hash TEXT NOT NULL DEFAULT '',
    last_id INTEGER NOT NULL DEFAULT 0,    -- the newest line, and its hash
    last_hash TEXT NOT NULL DEFAULT ''
);
INSERT INTO audit_chain (id) VALUES (1);
