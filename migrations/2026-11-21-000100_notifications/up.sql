-- Where notifications go: an address of one kind, with what is secret sealed by the master key.
CREATE TABLE notification_channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    kind TEXT NOT NULL CHECK (kind IN ('email', 'telegram', 'webhook', 'ntfy', 'gotify')),
    enabled BOOLEAN NOT NULL DEFAULT 1,
    config TEXT NOT NULL DEFAULT '{}',  -- JSON object, without the secrets
    secrets TEXT,                       -- JSON object, sealed with the master key, base64
    settings_slot TEXT UNIQUE CHECK (settings_slot IN ('telegram', 'email')),  -- shown as `notifications` in the settings
    failures INTEGER NOT NULL DEFAULT 0,  -- in a row
    last_sent_at TIMESTAMP,
    last_error TEXT,
    last_error_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Which events go to which channels, and when.
CREATE TABLE notification_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    enabled BOOLEAN NOT NULL DEFAULT 1,
    topics TEXT NOT NULL DEFAULT '[]',    -- JSON list; empty: all
    min_severity TEXT NOT NULL DEFAULT 'info' CHECK (min_severity IN ('info', 'warning', 'error')),
    job_ids TEXT NOT NULL DEFAULT '[]',   -- JSON list; empty: all
    pool_ids TEXT NOT NULL DEFAULT '[]',  -- JSON list; empty: all
    time_zone TEXT NOT NULL DEFAULT 'UTC',
    quiet_from TEXT NOT NULL DEFAULT '',  -- HH:MM; empty: never quiet
    quiet_until TEXT NOT NULL DEFAULT '',
    errors_break_quiet BOOLEAN NOT NULL DEFAULT 1,
    digest_cron TEXT NOT NULL DEFAULT '', -- empty: at once
    reminder_minutes INTEGER NOT NULL DEFAULT 0,  -- 0: none
    recovery BOOLEAN NOT NULL DEFAULT 1,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE notification_rule_channels (
    rule_id INTEGER NOT NULL REFERENCES notification_rules(id) ON DELETE CASCADE,
    channel_id INTEGER NOT NULL REFERENCES notification_channels(id) ON DELETE CASCADE,
    PRIMARY KEY (rule_id, channel_id)
);
CREATE INDEX idx_rule_channels_channel ON notification_rule_channels(channel_id);

-- What is to be sent, is being sent, was sent or could not be.
CREATE TABLE notification_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    channel_id INTEGER NOT NULL REFERENCES notification_channels(id) ON DELETE CASCADE,
    rule_id INTEGER REFERENCES notification_rules(id) ON DELETE SET NULL,
    event_id INTEGER,                     -- of the events; those go earlier
    uid TEXT NOT NULL UNIQUE,             -- what a receiver tells repetitions by
    topic TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
    title TEXT NOT NULL,
    notice TEXT NOT NULL,                 -- JSON: what templates see
    status TEXT NOT NULL CHECK (status IN ('held', 'queued', 'sending', 'sent', 'failed', 'discarded', 'merged')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_attempt_at TIMESTAMP NOT NULL,   -- of held ones: when they are let go
    give_up_at TIMESTAMP NOT NULL,
    merged_into INTEGER REFERENCES notification_outbox(id) ON DELETE SET NULL,
    last_error TEXT,
    answer TEXT,                          -- what the server said to the one that was sent
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    given_up_at TIMESTAMP,
    sent_at TIMESTAMP
);
CREATE INDEX idx_outbox_due ON notification_outbox(status, next_attempt_at);
CREATE INDEX idx_outbox_channel ON notification_outbox(channel_id, status);
CREATE INDEX idx_outbox_merged ON notification_outbox(merged_into);

-- What is wrong or waits, as far as a rule has told of it: for reminders and for the word that it is over.
CREATE TABLE notification_open (
    rule_id INTEGER NOT NULL REFERENCES notification_rules(id) ON DELETE CASCADE,
    problem TEXT NOT NULL,                -- 'backup:3', 'tape_change:7'
    event_id INTEGER,
    notice TEXT NOT NULL,                 -- JSON of the first word of it
    opened_at TIMESTAMP NOT NULL,
    told_at TIMESTAMP NOT NULL,           -- when it was told of or reminded of last
    PRIMARY KEY (rule_id, problem)
);

-- What people wrote in place of the words that come with the program.
CREATE TABLE notification_templates (
    topic TEXT NOT NULL,                  -- 'default': all without one of their own
    kind TEXT NOT NULL CHECK (kind IN ('email', 'telegram', 'webhook', 'ntfy', 'gotify')),
    subject TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL DEFAULT '',
    html TEXT NOT NULL DEFAULT '',
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (topic, kind)
);
