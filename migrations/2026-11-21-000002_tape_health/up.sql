-- What drives counted of tapes: one row for each time that a tape lay in a drive.
CREATE TABLE tape_health (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    tape_id INTEGER NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
    drive_id INTEGER REFERENCES tape_drives(id) ON DELETE SET NULL,
    drive_serial TEXT NOT NULL DEFAULT '',
    -- the life of the tape, as drive and cartridge keep it; NULL: the drive does not tell
    mounts BIGINT,
    bytes_written BIGINT,
    bytes_read BIGINT,
    write_retries BIGINT,
    read_retries BIGINT,
    unrecovered_write_errors BIGINT,
    unrecovered_read_errors BIGINT,
    beginning_passes BIGINT,
    middle_passes BIGINT,
    capacity_bytes BIGINT,
    used_bytes BIGINT,
    -- of this drive: blocks written again and reads repeated; bytes of the host for each byte on the tape
    rewrites BIGINT,
    rereads BIGINT,
    write_compression_ratio DOUBLE,
    read_compression_ratio DOUBLE,
    tape_alert_flags TEXT NOT NULL DEFAULT '',  -- of this time, numbers with commas
    created_at TIMESTAMP NOT NULL,  -- when it was first asked
    updated_at TIMESTAMP NOT NULL   -- and last
);
CREATE INDEX idx_tape_health_tape ON tape_health(tape_id, id);
CREATE INDEX idx_tape_health_drive ON tape_health(drive_id, id);
