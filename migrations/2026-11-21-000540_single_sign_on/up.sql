-- Users who log in at an OpenID provider: known by what the provider calls them for ever, never by name or mail address.
CREATE TABLE identities (
    user_id INTEGER PRIMARY KEY NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (issuer, subject)
);
-- Who may not log in for the time being, by password or provider. A user who is deleted could come back from the provider.
ALTER TABLE users ADD COLUMN disabled_at TIMESTAMP;
-- Whether the provider let them in: then the second factor was its concern.
ALTER TABLE sessions ADD COLUMN by_provider BOOLEAN NOT NULL DEFAULT FALSE;
