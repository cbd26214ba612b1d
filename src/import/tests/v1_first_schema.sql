-- The tables of version 1 before its first migration, as far as they matter here.
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
    role TEXT NOT NULL);
CREATE TABLE tape_pools (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT,
    retention_days INTEGER DEFAULT 0);
CREATE TABLE tapes (id INTEGER PRIMARY KEY AUTOINCREMENT, barcode TEXT UNIQUE, label TEXT NOT NULL, pool_id INTEGER,
    status TEXT NOT NULL CHECK (status IN ('blank', 'active', 'full', 'retired', 'offsite')),
    capacity_bytes INTEGER DEFAULT 0, used_bytes INTEGER DEFAULT 0, write_count INTEGER DEFAULT 0, last_written_at DATETIME,
    offsite_location TEXT, created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE backup_sources (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, source_type TEXT NOT NULL,
    path TEXT NOT NULL, include_patterns TEXT, exclude_patterns TEXT, enabled BOOLEAN DEFAULT 1);
CREATE TABLE backup_jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, source_id INTEGER NOT NULL,
    pool_id INTEGER NOT NULL, backup_type TEXT NOT NULL, schedule_cron TEXT, retention_days INTEGER DEFAULT 30,
    enabled BOOLEAN DEFAULT 1);
CREATE TABLE backup_sets (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, tape_id INTEGER NOT NULL,
    backup_type TEXT NOT NULL, start_time DATETIME NOT NULL, end_time DATETIME, status TEXT NOT NULL,
    file_count INTEGER DEFAULT 0, total_bytes INTEGER DEFAULT 0, start_block INTEGER);
CREATE TABLE catalog_entries (id INTEGER PRIMARY KEY AUTOINCREMENT, backup_set_id INTEGER NOT NULL, file_path TEXT NOT NULL,
    file_size INTEGER NOT NULL, file_mode INTEGER, mod_time DATETIME, checksum TEXT, block_offset INTEGER);
