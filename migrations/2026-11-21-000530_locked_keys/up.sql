-- A passphrase of a pool: keys of sets on its tapes are written there too, closed with it. It is kept nowhere.
ALTER TABLE tape_pools ADD COLUMN key_lock TEXT;  -- JSON: how a key is made of the passphrase; NULL: there is none
ALTER TABLE tape_pools ADD COLUMN key_lock_secret TEXT;  -- the key that was made of it, sealed with the master key
ALTER TABLE tape_pools ADD COLUMN key_lock_at TIMESTAMP;  -- since when
-- Keys that were found on tapes, closed with a passphrase, and that this server did not have then.
CREATE TABLE locked_keys (
    key_fingerprint TEXT NOT NULL,
    tape_id INTEGER NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
    locked TEXT NOT NULL,  -- JSON, as on tape
    found_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (key_fingerprint, tape_id)
);
