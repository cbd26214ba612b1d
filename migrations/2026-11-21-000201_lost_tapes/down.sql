ALTER TABLE tapes DROP COLUMN lost_reason;
ALTER TABLE tapes DROP COLUMN lost_at;
