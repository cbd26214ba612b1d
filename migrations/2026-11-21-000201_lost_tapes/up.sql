-- A tape that a person has given up for lost; both NULL: it is not.
ALTER TABLE tapes ADD COLUMN lost_at TIMESTAMP;
ALTER TABLE tapes ADD COLUMN lost_reason TEXT;
