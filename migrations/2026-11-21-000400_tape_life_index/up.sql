-- The lives of all tapes are read from the index alone: a house has a row for each time that a tape lay in a drive.
CREATE INDEX idx_tape_health_life ON tape_health(
    tape_id, mounts, bytes_written, unrecovered_write_errors, unrecovered_read_errors, updated_at, tape_alert_flags
);
CREATE INDEX idx_tapes_lost ON tapes(lost_at) WHERE lost_at IS NOT NULL;
CREATE INDEX idx_tapes_held ON tapes(hold_reason) WHERE hold_reason IS NOT NULL;
