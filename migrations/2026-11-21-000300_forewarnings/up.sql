-- What people were warned of ahead and what still nears its end: each is told once.
CREATE TABLE forewarnings (
    subject TEXT PRIMARY KEY NOT NULL,    -- tape:7:mounts, set:12:2026-12-01, api_key:3:2026-12-01
    told_at TIMESTAMP NOT NULL
);
