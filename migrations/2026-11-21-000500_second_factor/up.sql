-- What a user has beside the password: an app that shows codes (TOTP), and codes on paper for when it is lost.
CREATE TABLE second_factors (
    user_id INTEGER PRIMARY KEY NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    secret TEXT NOT NULL,                   -- sealed with the master key
    confirmed_at TIMESTAMP,                 -- null: the app has not shown yet that it has the secret
    last_step BIGINT,                       -- the half minute of the last code that was taken: none is taken twice
    created_at TIMESTAMP NOT NULL
);
CREATE TABLE recovery_codes (
    id INTEGER PRIMARY KEY NOT NULL,
    user_id INTEGER NOT NULL REFERENCES second_factors(user_id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL                 -- SHA-256; a code that was used is deleted
);
CREATE INDEX idx_recovery_codes_user ON recovery_codes(user_id);
