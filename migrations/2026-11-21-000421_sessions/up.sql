-- Logins, each one of a device: for the list of them, and to end one.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,           -- random; signed in the token
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    client TEXT NOT NULL DEFAULT '',        -- what the browser or program calls itself
    ip_address TEXT,
    created_at TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX idx_sessions_user ON sessions(user_id);
