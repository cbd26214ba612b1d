-- The latest time that is believed to have been right: what expires by a clock that is far ahead of it is kept.
CREATE TABLE clock (
    id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    believed_at TIMESTAMP NOT NULL
);
