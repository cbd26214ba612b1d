-- Times are UTC text 'YYYY-MM-DD HH:MM:SS[.fff]', set by the program. Enumerations are text with CHECK.
-- Table and column names follow the documented schema of the Go program; what is ours is marked with a comment.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'readonly')),
    -- ours: raised by every change of password or role; a token made before it is dead
    token_generation INTEGER NOT NULL DEFAULT 1,
    last_login_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    role TEXT NOT NULL DEFAULT 'readonly' CHECK (role IN ('admin', 'operator', 'readonly')),
    last_used_at TIMESTAMP,
    expires_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_api_keys_prefix ON api_keys(key_prefix);

CREATE TABLE encryption_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    algorithm TEXT NOT NULL DEFAULT 'aes-256-gcm',
    key_data TEXT NOT NULL,  -- base64 of the key sealed with the master key
    key_fingerprint TEXT NOT NULL UNIQUE,  -- hex SHA-256 of the 32 key bytes
    description TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_encryption_keys_name ON encryption_keys(name);
CREATE INDEX idx_encryption_keys_fingerprint ON encryption_keys(key_fingerprint);

CREATE TABLE tape_pools (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    retention_days INTEGER NOT NULL DEFAULT 0,  -- 0 = for ever
    -- ours: beside the days, the last so many sets of a job, and the newest set of each of the last so many days, weeks …
    keep_last INTEGER NOT NULL DEFAULT 0,
    keep_daily INTEGER NOT NULL DEFAULT 0,
    keep_weekly INTEGER NOT NULL DEFAULT 0,
    keep_monthly INTEGER NOT NULL DEFAULT 0,
    keep_yearly INTEGER NOT NULL DEFAULT 0,
    allow_reuse INTEGER NOT NULL DEFAULT 1,
    allocation_policy TEXT NOT NULL DEFAULT 'continue' CHECK (allocation_policy IN ('continue', 'always-new')),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO tape_pools (name, description, retention_days) VALUES
    ('DAILY', 'Daily backups, kept for a week', 7),
    ('WEEKLY', 'Weekly backups, kept for a month', 30),
    ('MONTHLY', 'Monthly backups, kept for a year', 365),
    ('ARCHIVE', 'Kept forever', 0);

CREATE TABLE tapes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    uuid TEXT,
    barcode TEXT UNIQUE,
    label TEXT NOT NULL UNIQUE,
    pool_id INTEGER REFERENCES tape_pools(id),
    status TEXT NOT NULL CHECK (status IN ('blank', 'active', 'full', 'expired', 'retired', 'exported')),
    lto_type TEXT NOT NULL DEFAULT '',
    capacity_bytes BIGINT NOT NULL DEFAULT 0,
    used_bytes BIGINT NOT NULL DEFAULT 0,
    write_count INTEGER NOT NULL DEFAULT 0,
    last_written_at TIMESTAMP,
    offsite_location TEXT,
    export_time TIMESTAMP,
    import_time TIMESTAMP,
    labeled_at TIMESTAMP,
    encryption_key_fingerprint TEXT NOT NULL DEFAULT '',
    encryption_key_name TEXT NOT NULL DEFAULT '',
    format_type TEXT NOT NULL DEFAULT 'raw' CHECK (format_type IN ('raw', 'ltfs')),
    -- ours: where the next append belongs, as the tape itself said after the last commit
    end_file BIGINT,   -- tape files (filemarks) before the end of data
    end_block BIGINT,  -- logical object number of the end of data
    status_before_export TEXT,
    -- ours: why it may not be written at the moment (found wrong, TapeAlert, damaged), in words; NULL = fine
    hold_reason TEXT,
    -- ours: uuid of the set of which a part is being written behind end_block; NULL = none. It stays when that is cut off,
    -- and tells that what is found behind the end is ours.
    writing_set TEXT,
    last_verified_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX idx_tapes_uuid ON tapes(uuid) WHERE uuid IS NOT NULL;
CREATE INDEX idx_tapes_pool ON tapes(pool_id, status);

CREATE TABLE tape_libraries (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    device_path TEXT NOT NULL UNIQUE,
    vendor TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    serial_number TEXT NOT NULL DEFAULT '',
    num_slots INTEGER NOT NULL DEFAULT 0,
    num_drives INTEGER NOT NULL DEFAULT 0,
    num_import_export INTEGER NOT NULL DEFAULT 0,
    barcode_reader BOOLEAN NOT NULL DEFAULT 0,
    enabled BOOLEAN NOT NULL DEFAULT 1,
    last_inventory_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE tape_drives (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    device_path TEXT NOT NULL UNIQUE,
    serial_number TEXT,
    model TEXT,
    vendor TEXT NOT NULL DEFAULT '',
    display_name TEXT,
    enabled BOOLEAN NOT NULL DEFAULT 1,
    status TEXT NOT NULL DEFAULT 'offline' CHECK (status IN ('ready', 'busy', 'offline', 'error')),
    current_tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,
    library_id INTEGER REFERENCES tape_libraries(id) ON DELETE SET NULL,
    library_drive_number INTEGER,  -- element address of its bay
    -- ours: label of a loaded tape that the database does not know, as JSON {label,uuid,pool,timestamp}
    unknown_tape TEXT,
    error_message TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE tape_library_slots (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    library_id INTEGER NOT NULL REFERENCES tape_libraries(id) ON DELETE CASCADE,
    slot_number INTEGER NOT NULL,  -- element address
    slot_type TEXT NOT NULL DEFAULT 'storage' CHECK (slot_type IN ('storage', 'import_export', 'drive')),
    tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,
    barcode TEXT NOT NULL DEFAULT '',
    is_empty BOOLEAN NOT NULL DEFAULT 1,
    drive_id INTEGER REFERENCES tape_drives(id) ON DELETE SET NULL,
    accessible BOOLEAN NOT NULL DEFAULT 1,
    exception TEXT,  -- ours: what is wrong with the element, in words
    source_slot INTEGER,  -- ours: where the medium in a drive came from
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE(library_id, slot_number)
);
CREATE INDEX idx_library_slots_library ON tape_library_slots(library_id);
CREATE INDEX idx_library_slots_tape ON tape_library_slots(tape_id);

CREATE TABLE drive_statistics (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    drive_id INTEGER NOT NULL UNIQUE REFERENCES tape_drives(id) ON DELETE CASCADE,
    total_bytes_read BIGINT NOT NULL DEFAULT 0,
    total_bytes_written BIGINT NOT NULL DEFAULT 0,
    read_errors BIGINT NOT NULL DEFAULT 0,
    write_errors BIGINT NOT NULL DEFAULT 0,
    total_load_count BIGINT NOT NULL DEFAULT 0,
    cleaning_required BOOLEAN NOT NULL DEFAULT 0,
    last_cleaned_at TIMESTAMP,
    power_on_hours BIGINT NOT NULL DEFAULT 0,
    tape_motion_hours DOUBLE NOT NULL DEFAULT 0,
    temperature_c INTEGER,
    tape_alert_flags TEXT NOT NULL DEFAULT '',
    back_hitches BIGINT NOT NULL DEFAULT 0,
    starved_ms BIGINT NOT NULL DEFAULT 0,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_drive_statistics_drive ON drive_statistics(drive_id);

CREATE TABLE drive_alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    drive_id INTEGER NOT NULL REFERENCES tape_drives(id) ON DELETE CASCADE,
    severity TEXT NOT NULL DEFAULT 'info' CHECK (severity IN ('info', 'warning', 'critical')),
    category TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    resolved BOOLEAN NOT NULL DEFAULT 0,
    resolved_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_drive_alerts_drive ON drive_alerts(drive_id);
CREATE INDEX idx_drive_alerts_unresolved ON drive_alerts(drive_id, resolved);

CREATE TABLE backup_sources (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    source_type TEXT NOT NULL CHECK (source_type IN ('local', 'smb', 'nfs')),
    path TEXT NOT NULL,
    include_patterns TEXT NOT NULL DEFAULT '[]',  -- JSON array of glob patterns
    exclude_patterns TEXT NOT NULL DEFAULT '[]',
    one_file_system BOOLEAN NOT NULL DEFAULT 0,  -- ours: do not descend into other mounts
    case_insensitive BOOLEAN NOT NULL DEFAULT 0, -- ours: patterns ignore case
    enabled BOOLEAN NOT NULL DEFAULT 1,
    rebuilt BOOLEAN NOT NULL DEFAULT 0,          -- ours: made from what a tape says; a person has to complete it
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE backup_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    source_id INTEGER NOT NULL REFERENCES backup_sources(id),
    pool_id INTEGER NOT NULL REFERENCES tape_pools(id),
    backup_type TEXT NOT NULL CHECK (backup_type IN ('full', 'incremental')),
    schedule_cron TEXT NOT NULL DEFAULT '',
    time_zone TEXT NOT NULL DEFAULT 'UTC',  -- ours: IANA name the schedule is read in
    missed_runs TEXT NOT NULL DEFAULT 'run' CHECK (missed_runs IN ('run', 'skip')),  -- ours
    retention_days INTEGER NOT NULL DEFAULT 30,  -- 0 = as the pool says
    keep_last INTEGER,  -- ours, this and the next four: as in tape_pools; NULL = as the pool says
    keep_daily INTEGER,
    keep_weekly INTEGER,
    keep_monthly INTEGER,
    keep_yearly INTEGER,
    database_backup BOOLEAN NOT NULL DEFAULT 0,  -- ours: copy the database to tape after each run
    enabled BOOLEAN NOT NULL DEFAULT 1,
    encryption_enabled BOOLEAN NOT NULL DEFAULT 0,
    encryption_key_id INTEGER REFERENCES encryption_keys(id),
    hw_encryption_enabled BOOLEAN NOT NULL DEFAULT 0,
    hw_encryption_key_id INTEGER REFERENCES encryption_keys(id),
    compression TEXT NOT NULL DEFAULT 'none' CHECK (compression IN ('none', 'lto', 'gzip', 'zstd')),
    compression_level INTEGER,  -- ours: NULL = the default of the method
    verify_after BOOLEAN NOT NULL DEFAULT 0,  -- ours: read back every set after it was written
    last_run_at TIMESTAMP,
    next_run_at TIMESTAMP,
    rebuilt BOOLEAN NOT NULL DEFAULT 0,       -- ours: made from what a tape says; a person has to complete it
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE backup_sets (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    uuid TEXT NOT NULL UNIQUE,  -- ours: names the set on tape
    job_id INTEGER NOT NULL REFERENCES backup_jobs(id),
    tape_id INTEGER NOT NULL REFERENCES tapes(id),
    backup_type TEXT NOT NULL CHECK (backup_type IN ('full', 'incremental')),
    start_time TIMESTAMP NOT NULL,
    end_time TIMESTAMP,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'incomplete')),
    file_count BIGINT NOT NULL DEFAULT 0,
    total_bytes BIGINT NOT NULL DEFAULT 0,    -- content bytes of the files in the set
    stored_bytes BIGINT NOT NULL DEFAULT 0,   -- ours: bytes on tape, after compression and encryption
    warning_count BIGINT NOT NULL DEFAULT 0,  -- ours
    deleted_count BIGINT NOT NULL DEFAULT 0,  -- ours: paths recorded as gone since the parent
    start_block BIGINT,
    end_block BIGINT,
    checksum TEXT,  -- hex SHA-256 over the sorted list "sha256  path\n" of its files
    encrypted BOOLEAN NOT NULL DEFAULT 0,
    encryption_key_id INTEGER REFERENCES encryption_keys(id),
    hw_encrypted BOOLEAN NOT NULL DEFAULT 0,
    hw_encryption_key_id INTEGER REFERENCES encryption_keys(id),
    compressed BOOLEAN NOT NULL DEFAULT 0,
    compression_type TEXT NOT NULL DEFAULT 'none',
    format_type TEXT NOT NULL DEFAULT 'raw' CHECK (format_type IN ('raw', 'ltfs')),
    parent_set_id INTEGER REFERENCES backup_sets(id),
    verified_at TIMESTAMP,  -- ours: last time every hash was compared with the tape
    protected BOOLEAN NOT NULL DEFAULT 0,  -- ours: kept whatever the rules say, until a person releases it
    -- ours, as the last maintenance found it, for display: when the rules let it go, or have let it go; NULL = never, or
    -- that cannot be said
    expires_at TIMESTAMP,
    -- ours, of sets found on tapes: the parent as the tape names it, while it is not in the database
    parent_uuid TEXT,
    parts_expected INTEGER,  -- how many parts it has, once its last one was read
    incomplete_reason TEXT,  -- of an incomplete set: what is missing, in words
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_backup_sets_job ON backup_sets(job_id, status, start_time);
CREATE INDEX idx_backup_sets_tape ON backup_sets(tape_id);
CREATE INDEX idx_backup_sets_parent ON backup_sets(parent_set_id);

-- ours: sets that no rule kept when maintenance last looked; they stay readable until their tape is written anew
CREATE TABLE expired_sets (
    set_id INTEGER PRIMARY KEY NOT NULL REFERENCES backup_sets(id) ON DELETE CASCADE,
    expired_at TIMESTAMP NOT NULL
);

-- ours: sets that are copies of others on other tapes, made with the same members and hashes
CREATE TABLE set_copies (
    set_id INTEGER PRIMARY KEY NOT NULL REFERENCES backup_sets(id) ON DELETE CASCADE,
    copy_of TEXT NOT NULL  -- uuid of the original, which may have been forgotten
);
CREATE INDEX idx_set_copies_original ON set_copies(copy_of);

-- ours: the parts of a set, in order; most sets have one
CREATE TABLE backup_set_parts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    backup_set_id INTEGER NOT NULL REFERENCES backup_sets(id) ON DELETE CASCADE,
    part_number INTEGER NOT NULL,     -- from 1
    tape_id INTEGER NOT NULL REFERENCES tapes(id),
    tape_file BIGINT NOT NULL,        -- number of the data file on tape (the label is 0); its TOC is the next
    first_block BIGINT NOT NULL,      -- logical object number of the first data block
    block_count BIGINT NOT NULL,      -- data blocks
    block_size INTEGER NOT NULL,      -- bytes
    toc_block BIGINT NOT NULL,        -- logical object number of the first block of the TOC
    end_block BIGINT NOT NULL,        -- logical object number behind the TOC's filemark
    tar_start BIGINT NOT NULL,        -- offset of the part's first frame in the set's tar stream
    tar_end BIGINT NOT NULL,
    prelude_bytes BIGINT NOT NULL,    -- length of the part's opening records, before the first frame, in its tar stream
    stream_bytes BIGINT NOT NULL,     -- bytes of the data file on tape
    member_count BIGINT NOT NULL DEFAULT 0,   -- members whose end is in this part
    file_count BIGINT NOT NULL DEFAULT 0,     -- regular files among them
    content_bytes BIGINT NOT NULL DEFAULT 0,  -- content bytes of those files
    frame_table BLOB NOT NULL,        -- zstd of pairs (tar offset, stream offset); see catalog::frames
    -- how the data file is built: 'frames', or 'v1' = written by version 1 of the program: no frames, read from its
    -- beginning, tar offsets are only an order, and blocks and sizes are not known (0)
    layout TEXT NOT NULL DEFAULT 'frames' CHECK (layout IN ('frames', 'v1')),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (backup_set_id, part_number)
);
CREATE INDEX idx_set_parts_tape ON backup_set_parts(tape_id, first_block);

-- ours: how far a set is that is not complete, so that it can go on where it stopped
CREATE TABLE backup_checkpoints (
    backup_set_id INTEGER PRIMARY KEY NOT NULL REFERENCES backup_sets(id) ON DELETE CASCADE,
    source_path TEXT NOT NULL,   -- what was read; a set does not go on with another folder
    place TEXT NOT NULL,         -- JSON: where the set goes on behind its last part that is closed
    tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,  -- where the next part is being written; NULL: nowhere
    data_ended TEXT,             -- JSON: where the set goes on behind that part, if its data is on tape and only its TOC is missing
    checkpoint TEXT,             -- JSON: the last place in that part at which it can be ended
    frame_table BLOB,            -- the frames before that place, as in backup_set_parts
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- ours: all long work (backup, restore, verify, label, format, library moves …) is an execution
CREATE TABLE job_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL DEFAULT 'backup',
    title TEXT NOT NULL DEFAULT '',
    job_id INTEGER REFERENCES backup_jobs(id),  -- of backups
    backup_set_id INTEGER REFERENCES backup_sets(id) ON DELETE SET NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'paused')),
    phase TEXT NOT NULL DEFAULT 'queued',
    message TEXT NOT NULL DEFAULT '',
    request TEXT NOT NULL DEFAULT '{}',   -- JSON of the typed request, so that a restart can run it
    result TEXT,                          -- JSON of the outcome
    why TEXT NOT NULL DEFAULT '[]',       -- JSON list of decisions in words: why this tape, why this drive
    drive_id INTEGER REFERENCES tape_drives(id) ON DELETE SET NULL,
    tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,
    user_id INTEGER REFERENCES users(id) ON DELETE SET NULL,
    start_time TIMESTAMP,
    end_time TIMESTAMP,
    files_total BIGINT NOT NULL DEFAULT 0,
    bytes_total BIGINT NOT NULL DEFAULT 0,
    files_processed BIGINT NOT NULL DEFAULT 0,
    bytes_processed BIGINT NOT NULL DEFAULT 0,
    warning_count BIGINT NOT NULL DEFAULT 0,
    error_message TEXT,
    error_code TEXT,
    can_resume BOOLEAN NOT NULL DEFAULT 0,
    resume_state TEXT,  -- JSON: the last checkpoint
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_executions_job ON job_executions(job_id, id);
CREATE INDEX idx_executions_status ON job_executions(status);

CREATE TABLE execution_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    execution_id INTEGER NOT NULL REFERENCES job_executions(id) ON DELETE CASCADE,
    level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
    path TEXT,  -- the file it is about
    message TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_execution_logs ON execution_logs(execution_id, id);

CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    source_id INTEGER NOT NULL REFERENCES backup_sources(id) ON DELETE CASCADE,
    backup_set_id INTEGER REFERENCES backup_sets(id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    file_count BIGINT NOT NULL DEFAULT 0,
    total_bytes BIGINT NOT NULL DEFAULT 0,
    snapshot_data BLOB  -- unused: the baseline of an incremental is read from the catalog of its chain
);
CREATE INDEX idx_snapshot_source ON snapshots(source_id, created_at DESC);

-- The catalog, normalised; all of it is ours. Paths and names are text as in tape_format::path_text.
CREATE TABLE catalog_dirs (
    id INTEGER PRIMARY KEY NOT NULL,
    path TEXT NOT NULL UNIQUE  -- '' is the root of a source; no leading or trailing slash
);
CREATE TABLE catalog_owners (
    id INTEGER PRIMARY KEY NOT NULL,
    uid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    group_name TEXT NOT NULL,
    UNIQUE (uid, gid, user_name, group_name)
);
-- One row per path that a set has or records as gone. Clustered by set and directory: a backup appends, a directory
-- of a set is one range, and a set is dropped as one range.
CREATE TABLE catalog_versions (
    set_id INTEGER NOT NULL REFERENCES backup_sets(id),
    dir_id INTEGER NOT NULL,
    name TEXT NOT NULL,      -- '.' in directory '' is the root itself
    kind INTEGER NOT NULL,   -- 0 deleted, 1 file, 2 directory, 3 symlink, 4 hardlink, 5 fifo, 6 char, 7 block device
    size INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    owner_id INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    sha256 BLOB,
    tar_offset INTEGER NOT NULL,
    tar_length INTEGER NOT NULL,
    part INTEGER NOT NULL,
    block INTEGER NOT NULL,  -- logical object number of the block in which its frame begins
    link TEXT,
    PRIMARY KEY (set_id, dir_id, name)
) WITHOUT ROWID;
-- Which sets have rows in a directory, so that looking up a path costs the sets that know it and not all there are.
CREATE TABLE catalog_dir_sets (
    dir_id INTEGER NOT NULL,
    set_id INTEGER NOT NULL,
    PRIMARY KEY (dir_id, set_id)
) WITHOUT ROWID;
-- Distinct paths, and the search group each was put into after its set was committed.
CREATE TABLE catalog_names (
    dir_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    group_id INTEGER NOT NULL,
    PRIMARY KEY (dir_id, name)
) WITHOUT ROWID;
-- A search group is a run of names of one directory; the trigrams of all its paths are one document of the index.
-- The index says which groups may match, the names in them say which do.
CREATE TABLE catalog_search_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    dir_id INTEGER NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL
);
CREATE VIRTUAL TABLE catalog_search USING fts5(paths, content='', tokenize='trigram', detail='none', columnsize=0);
-- How far a set's paths are in the search index; no row = nothing of it yet.
CREATE TABLE catalog_index_progress (
    set_id INTEGER PRIMARY KEY NOT NULL REFERENCES backup_sets(id) ON DELETE CASCADE,
    last_dir INTEGER NOT NULL,
    last_name TEXT NOT NULL,
    done BOOLEAN NOT NULL DEFAULT 0
);

CREATE VIEW catalog_entries AS
SELECT (v.set_id << 40) | (v.tar_offset >> 9) AS id,
       v.set_id AS backup_set_id,
       CASE WHEN d.path = '' THEN v.name ELSE d.path || '/' || v.name END AS file_path,
       v.size AS file_size,
       v.mode AS file_mode,
       strftime('%Y-%m-%d %H:%M:%f', v.mtime_ns / 1000000000.0, 'unixepoch') AS mod_time,
       lower(hex(v.sha256)) AS checksum,
       v.block AS block_offset,
       s.start_time AS created_at
FROM catalog_versions v
JOIN catalog_dirs d ON d.id = v.dir_id
JOIN backup_sets s ON s.id = v.set_id
WHERE v.kind <> 0;

CREATE TABLE audit_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER REFERENCES users(id) ON DELETE SET NULL,
    username TEXT NOT NULL DEFAULT '',  -- ours: stays when the user is deleted; 'api-key NAME' for keys
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    resource_id INTEGER,
    outcome TEXT NOT NULL DEFAULT 'ok',  -- ours: ok, denied, failed
    details TEXT,  -- JSON
    ip_address TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_audit_created ON audit_logs(created_at);
CREATE INDEX idx_audit_resource ON audit_logs(resource_type, resource_id);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    event_type TEXT NOT NULL CHECK (event_type IN ('info', 'warning', 'success', 'error')),
    category TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    details TEXT,  -- JSON object
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE settings (
    key TEXT PRIMARY KEY NOT NULL,   -- dotted, as in the configuration file
    value TEXT NOT NULL,             -- JSON
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE database_backups (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    tape_id INTEGER NOT NULL REFERENCES tapes(id),
    backup_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    file_size BIGINT NOT NULL DEFAULT 0,
    checksum TEXT,
    block_offset BIGINT,
    tape_file BIGINT,
    set_uuid TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    error_message TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_database_backups_tape ON database_backups(tape_id);
CREATE INDEX idx_database_backups_time ON database_backups(backup_time DESC);

CREATE TABLE restore_operations (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    execution_id INTEGER REFERENCES job_executions(id) ON DELETE SET NULL,  -- ours
    backup_set_id INTEGER REFERENCES backup_sets(id) ON DELETE SET NULL,
    destination_type TEXT NOT NULL CHECK (destination_type IN ('local', 'smb', 'nfs')),
    destination_path TEXT NOT NULL,
    files_requested BIGINT NOT NULL DEFAULT 0,
    files_restored BIGINT NOT NULL DEFAULT 0,
    bytes_restored BIGINT NOT NULL DEFAULT 0,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    error_message TEXT,
    verify_enabled BOOLEAN NOT NULL DEFAULT 0,
    verify_passed BOOLEAN,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_restore_operations_status ON restore_operations(status);
CREATE INDEX idx_restore_operations_time ON restore_operations(created_at DESC);

CREATE TABLE tape_spanning_sets (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job_id INTEGER NOT NULL REFERENCES backup_jobs(id),
    total_tapes INTEGER NOT NULL DEFAULT 0,
    total_bytes BIGINT NOT NULL DEFAULT 0,
    total_files BIGINT NOT NULL DEFAULT 0,
    status TEXT NOT NULL DEFAULT 'in_progress' CHECK (status IN ('in_progress', 'completed', 'failed')),
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE tape_spanning_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    spanning_set_id INTEGER NOT NULL REFERENCES tape_spanning_sets(id) ON DELETE CASCADE,
    tape_id INTEGER NOT NULL REFERENCES tapes(id) ON DELETE CASCADE,
    backup_set_id INTEGER NOT NULL REFERENCES backup_sets(id) ON DELETE CASCADE,
    sequence_number INTEGER NOT NULL,  -- of the part, from 1
    bytes_written BIGINT NOT NULL DEFAULT 0,
    files_start_index BIGINT NOT NULL DEFAULT 0,  -- files of the set that end in earlier parts
    files_end_index BIGINT NOT NULL DEFAULT 0,  -- the same with this part
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_spanning_members_set ON tape_spanning_members(spanning_set_id);
CREATE UNIQUE INDEX idx_spanning_members_part ON tape_spanning_members(backup_set_id, sequence_number);
CREATE INDEX idx_spanning_members_tape ON tape_spanning_members(tape_id);

-- What a person has to do so that an execution can go on; it survives a restart and is re-used by the same execution.
CREATE TABLE tape_change_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job_execution_id INTEGER NOT NULL REFERENCES job_executions(id) ON DELETE CASCADE,
    spanning_set_id INTEGER REFERENCES tape_spanning_sets(id) ON DELETE SET NULL,
    current_tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,  -- the tape before; NULL: there was none
    reason TEXT NOT NULL CHECK (reason IN ('tape_full', 'tape_error', 'tape_needed')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'acknowledged', 'completed', 'cancelled')),
    requested_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    acknowledged_at TIMESTAMP,
    new_tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,  -- the tape that a person named, then the one it went on with
    -- ours
    tape_id INTEGER REFERENCES tapes(id) ON DELETE SET NULL,  -- the tape that is wanted; NULL: none in particular
    pool_id INTEGER REFERENCES tape_pools(id) ON DELETE SET NULL,  -- any writable tape of it will do; NULL: only tape_id
    drive_id INTEGER REFERENCES tape_drives(id) ON DELETE SET NULL,  -- where it should go
    message TEXT NOT NULL DEFAULT '',  -- what to do, for people
    notice TEXT,  -- what is wrong with what was tried last
    resolved_at TIMESTAMP,
    resolved_by TEXT  -- who or what ended it, in words
);
CREATE INDEX idx_tape_changes_execution ON tape_change_requests(job_execution_id, status);
CREATE INDEX idx_tape_changes_status ON tape_change_requests(status);

CREATE TABLE proxmox_nodes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    node_name TEXT NOT NULL UNIQUE,
    host TEXT,
    status TEXT NOT NULL DEFAULT 'unknown',
    cpu_count INTEGER,
    memory_total BIGINT,
    disk_total BIGINT,
    is_cluster_member BOOLEAN NOT NULL DEFAULT 0,
    last_seen_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_proxmox_nodes_name ON proxmox_nodes(node_name);
CREATE INDEX idx_proxmox_nodes_status ON proxmox_nodes(status);

CREATE TABLE proxmox_backups (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    node TEXT NOT NULL,
    vmid INTEGER NOT NULL,
    guest_type TEXT NOT NULL CHECK (guest_type IN ('qemu', 'lxc')),
    guest_name TEXT,
    tape_id INTEGER NOT NULL REFERENCES tapes(id),
    backup_mode TEXT NOT NULL CHECK (backup_mode IN ('snapshot', 'suspend', 'stop')),
    compress TEXT CHECK (compress IN ('zstd', 'lzo', 'gzip', '')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    start_time TIMESTAMP NOT NULL,
    end_time TIMESTAMP,
    total_bytes BIGINT NOT NULL DEFAULT 0,
    config_data TEXT,
    tape_block_start BIGINT,
    tape_block_end BIGINT,
    tape_file_number BIGINT,
    error_message TEXT,
    notes TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_proxmox_backups_node ON proxmox_backups(node);
CREATE INDEX idx_proxmox_backups_vmid ON proxmox_backups(vmid);
CREATE INDEX idx_proxmox_backups_tape ON proxmox_backups(tape_id);
CREATE INDEX idx_proxmox_backups_status ON proxmox_backups(status);
CREATE INDEX idx_proxmox_backups_time ON proxmox_backups(start_time DESC);
CREATE INDEX idx_proxmox_backups_guest_type ON proxmox_backups(guest_type);

CREATE TABLE proxmox_guests (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    node_name TEXT NOT NULL,
    vmid INTEGER NOT NULL,
    guest_type TEXT NOT NULL CHECK (guest_type IN ('qemu', 'lxc')),
    name TEXT,
    status TEXT,
    cpu_count INTEGER,
    memory_max BIGINT,
    disk_total BIGINT,
    is_template BOOLEAN NOT NULL DEFAULT 0,
    tags TEXT,
    last_backup_id INTEGER REFERENCES proxmox_backups(id),
    last_backup_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE(node_name, vmid)
);
CREATE INDEX idx_proxmox_guests_node ON proxmox_guests(node_name);
CREATE INDEX idx_proxmox_guests_vmid ON proxmox_guests(vmid);
CREATE INDEX idx_proxmox_guests_type ON proxmox_guests(guest_type);

CREATE TABLE proxmox_restores (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    backup_id INTEGER NOT NULL REFERENCES proxmox_backups(id),
    source_node TEXT NOT NULL,
    target_node TEXT NOT NULL,
    source_vmid INTEGER NOT NULL,
    target_vmid INTEGER NOT NULL,
    guest_type TEXT NOT NULL CHECK (guest_type IN ('qemu', 'lxc')),
    guest_name TEXT,
    target_storage TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    start_time TIMESTAMP NOT NULL,
    end_time TIMESTAMP,
    error_message TEXT,
    config_applied BOOLEAN NOT NULL DEFAULT 0,
    started_after_restore BOOLEAN NOT NULL DEFAULT 0,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_proxmox_restores_backup ON proxmox_restores(backup_id);
CREATE INDEX idx_proxmox_restores_status ON proxmox_restores(status);
CREATE INDEX idx_proxmox_restores_time ON proxmox_restores(start_time DESC);

CREATE TABLE proxmox_backup_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    description TEXT,
    node TEXT,
    vmid_filter TEXT,
    guest_type_filter TEXT CHECK (guest_type_filter IN ('qemu', 'lxc', 'all')),
    tag_filter TEXT,
    pool_id INTEGER REFERENCES tape_pools(id),
    backup_mode TEXT NOT NULL DEFAULT 'snapshot' CHECK (backup_mode IN ('snapshot', 'suspend', 'stop')),
    compress TEXT DEFAULT 'zstd' CHECK (compress IN ('zstd', 'lzo', 'gzip', '')),
    schedule_cron TEXT,
    retention_days INTEGER NOT NULL DEFAULT 30,
    enabled BOOLEAN NOT NULL DEFAULT 1,
    last_run_at TIMESTAMP,
    next_run_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_proxmox_jobs_enabled ON proxmox_backup_jobs(enabled);
CREATE INDEX idx_proxmox_jobs_next_run ON proxmox_backup_jobs(next_run_at);

CREATE TABLE proxmox_job_executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    job_id INTEGER NOT NULL REFERENCES proxmox_backup_jobs(id) ON DELETE CASCADE,
    tape_id INTEGER REFERENCES tapes(id),
    status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'partial')),
    start_time TIMESTAMP,
    end_time TIMESTAMP,
    guests_total INTEGER NOT NULL DEFAULT 0,
    guests_completed INTEGER NOT NULL DEFAULT 0,
    guests_failed INTEGER NOT NULL DEFAULT 0,
    total_bytes BIGINT NOT NULL DEFAULT 0,
    error_message TEXT,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_proxmox_executions_job ON proxmox_job_executions(job_id);
CREATE INDEX idx_proxmox_executions_status ON proxmox_job_executions(status);
CREATE INDEX idx_proxmox_executions_time ON proxmox_job_executions(start_time DESC);
