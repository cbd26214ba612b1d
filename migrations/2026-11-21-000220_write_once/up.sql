-- Cartridges that take every block only once, as a drive said when it last had them: appended to, never written anew.
ALTER TABLE tapes ADD COLUMN write_once BOOLEAN NOT NULL DEFAULT 0;
-- Whether a pool has such tapes.
ALTER TABLE tape_pools ADD COLUMN write_once TEXT NOT NULL DEFAULT 'allow'
    CHECK (write_once IN ('allow', 'require', 'refuse'));
-- How often the drive was switched on; 0: it does not tell.
ALTER TABLE drive_statistics ADD COLUMN lifetime_power_cycles BIGINT NOT NULL DEFAULT 0;
-- Bytes of the host for each 100 bytes on the tape, of what was last written and read; 0: not told.
ALTER TABLE drive_statistics ADD COLUMN write_compression_pct DOUBLE NOT NULL DEFAULT 0;
ALTER TABLE drive_statistics ADD COLUMN read_compression_pct DOUBLE NOT NULL DEFAULT 0;
-- What fits on the tape if it goes on as so far, in bytes as they are counted in tapes.used_bytes: less than the native
-- capacity where much had to be written again, more where the drive compresses. NULL: not known.
ALTER TABLE tape_health ADD COLUMN effective_capacity_bytes BIGINT;
