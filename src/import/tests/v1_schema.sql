-- The tables of version 1 after its last migration, as far as they matter here.
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'readonly')), created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE api_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key_hash TEXT NOT NULL,
    key_prefix TEXT NOT NULL, role TEXT NOT NULL DEFAULT 'readonly', last_used_at DATETIME, expires_at DATETIME,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE encryption_keys (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
    algorithm TEXT NOT NULL DEFAULT 'aes-256-gcm', key_data TEXT NOT NULL, key_fingerprint TEXT NOT NULL, description TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE tape_pools (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT,
    retention_days INTEGER DEFAULT 0, allow_reuse INTEGER DEFAULT 1, allocation_policy TEXT DEFAULT 'continue',
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE tapes (id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT, barcode TEXT UNIQUE, label TEXT NOT NULL,
    pool_id INTEGER REFERENCES tape_pools(id),
    status TEXT NOT NULL CHECK (status IN ('blank', 'active', 'full', 'expired', 'retired', 'exported')),
    capacity_bytes INTEGER DEFAULT 0, used_bytes INTEGER DEFAULT 0, write_count INTEGER DEFAULT 0, last_written_at DATETIME,
    offsite_location TEXT, export_time DATETIME, import_time DATETIME, labeled_at DATETIME,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP, lto_type TEXT DEFAULT '',
    encryption_key_fingerprint TEXT DEFAULT '', encryption_key_name TEXT DEFAULT '',
    format_type TEXT NOT NULL DEFAULT 'raw' CHECK (format_type IN ('raw', 'ltfs')));
CREATE TABLE tape_drives (id INTEGER PRIMARY KEY AUTOINCREMENT, device_path TEXT NOT NULL UNIQUE, serial_number TEXT,
    model TEXT, status TEXT NOT NULL, current_tape_id INTEGER, enabled INTEGER DEFAULT 1, display_name TEXT,
    vendor TEXT DEFAULT '', library_id INTEGER, library_drive_number INTEGER);
CREATE TABLE tape_libraries (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, device_path TEXT NOT NULL);
CREATE TABLE backup_sources (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, source_type TEXT NOT NULL,
    path TEXT NOT NULL, include_patterns TEXT, exclude_patterns TEXT, enabled BOOLEAN DEFAULT 1,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE backup_jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, source_id INTEGER NOT NULL,
    pool_id INTEGER NOT NULL, backup_type TEXT NOT NULL, schedule_cron TEXT, retention_days INTEGER DEFAULT 30,
    enabled BOOLEAN DEFAULT 1, last_run_at DATETIME, next_run_at DATETIME, encryption_enabled BOOLEAN DEFAULT 0,
    encryption_key_id INTEGER, compression TEXT DEFAULT 'none', hw_encryption_enabled BOOLEAN DEFAULT 0,
    hw_encryption_key_id INTEGER);
CREATE TABLE backup_sets (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, tape_id INTEGER NOT NULL,
    backup_type TEXT NOT NULL, start_time DATETIME NOT NULL, end_time DATETIME, status TEXT NOT NULL,
    file_count INTEGER DEFAULT 0, total_bytes INTEGER DEFAULT 0, start_block INTEGER, end_block INTEGER, checksum TEXT,
    parent_set_id INTEGER, encrypted BOOLEAN DEFAULT 0, encryption_key_id INTEGER, compressed BOOLEAN DEFAULT 0,
    compression_type TEXT DEFAULT 'none', format_type TEXT NOT NULL DEFAULT 'raw', hw_encrypted BOOLEAN DEFAULT 0,
    hw_encryption_key_id INTEGER);
CREATE TABLE catalog_entries (id INTEGER PRIMARY KEY AUTOINCREMENT, backup_set_id INTEGER NOT NULL, file_path TEXT NOT NULL,
    file_size INTEGER NOT NULL, file_mode INTEGER, mod_time DATETIME, checksum TEXT, block_offset INTEGER,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP, UNIQUE (backup_set_id, file_path));
CREATE INDEX idx_catalog_backup_set ON catalog_entries(backup_set_id);
CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, source_id INTEGER NOT NULL, snapshot_data BLOB);
CREATE TABLE database_backups (id INTEGER PRIMARY KEY AUTOINCREMENT, tape_id INTEGER NOT NULL,
    backup_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, file_size INTEGER NOT NULL DEFAULT 0, checksum TEXT,
    block_offset INTEGER, status TEXT NOT NULL, error_message TEXT, created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE tape_spanning_sets (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, total_tapes INTEGER DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'in_progress');
CREATE TABLE tape_spanning_members (id INTEGER PRIMARY KEY AUTOINCREMENT, spanning_set_id INTEGER NOT NULL,
    tape_id INTEGER NOT NULL, backup_set_id INTEGER NOT NULL, sequence_number INTEGER NOT NULL);
