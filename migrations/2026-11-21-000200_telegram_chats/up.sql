-- Who may give a bot commands: a person of Telegram in a chat, paired with a user.
CREATE TABLE telegram_chats (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    channel_id INTEGER NOT NULL REFERENCES notification_channels(id) ON DELETE CASCADE,
    chat_id BIGINT NOT NULL,
    sender_id BIGINT NOT NULL,            -- the person, as Telegram counts people
    sender_name TEXT NOT NULL DEFAULT '',
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    last_used_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (channel_id, chat_id, sender_id)
);
CREATE INDEX idx_telegram_chats_user ON telegram_chats(user_id);

-- Codes that pair once, until they expire.
CREATE TABLE telegram_codes (
    code_hash TEXT PRIMARY KEY NOT NULL,  -- hex SHA-256
    channel_id INTEGER NOT NULL REFERENCES notification_channels(id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    expires_at TIMESTAMP NOT NULL
);

-- The update that is asked for next: what was handled before a restart is not handled again.
CREATE TABLE telegram_offsets (
    channel_id INTEGER PRIMARY KEY NOT NULL REFERENCES notification_channels(id) ON DELETE CASCADE,
    next_update INTEGER NOT NULL
);
