ALTER TABLE sessions DROP COLUMN by_provider;
ALTER TABLE users DROP COLUMN disabled_at;
DROP TABLE identities;
