DROP TABLE locked_keys;
ALTER TABLE tape_pools DROP COLUMN key_lock_at;
ALTER TABLE tape_pools DROP COLUMN key_lock_secret;
ALTER TABLE tape_pools DROP COLUMN key_lock;
