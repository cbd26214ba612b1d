ALTER TABLE tape_health DROP COLUMN effective_capacity_bytes;
ALTER TABLE drive_statistics DROP COLUMN read_compression_pct;
ALTER TABLE drive_statistics DROP COLUMN write_compression_pct;
ALTER TABLE drive_statistics DROP COLUMN lifetime_power_cycles;
ALTER TABLE tape_pools DROP COLUMN write_once;
ALTER TABLE tapes DROP COLUMN write_once;
