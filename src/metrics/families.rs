//! Every figure that is told, in one table: what the page of metrics, the documentation, the dashboard and the alert rules are
//! held against.

/// Whether a figure only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only grows, or begins anew; its samples end in `_total`.
    Counter,
}

/// A figure, with one sample for each combination of labels.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name; one that ends in `_bytes`, `_seconds`, `_celsius` or `_ratio` has that unit.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// What its samples are told apart by.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

impl Family {
    /// What its samples are called.
    pub fn sample(&self) -> String {
        match self.kind {
            Kind::Gauge => self.name.to_owned(),
            Kind::Counter => format!("{}_total", self.name),
        }
    }

    /// Name without unit, and unit.
    pub fn split(&self) -> (&'static str, Option<&'static str>) {
        let unit = ["bytes", "seconds", "celsius", "ratio"].into_iter();
        let with = |unit| Some((self.name.strip_suffix(unit)?.strip_suffix('_')?, Some(unit)));
        unit.filter_map(with).next().unwrap_or((self.name, None))
    }
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family =
                Family { name: concat!("tapebackarr_", $name), kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// All of them, in the order in which they are told.
        pub const ALL: &[Family] = &[$($constant),*];
    };
}

families! {
    BUILD_INFO = Gauge "build_info" ["version", "build"] "Version and build of the server, always 1";
    START = Gauge "start_timestamp_seconds" [] "When the server was started, Unix time";
    SECTION_UP = Gauge "section_up" ["section"] "Whether a section of this page could be collected, 1 or 0";
    COLLECTED = Gauge "collect_duration_seconds" [] "How long collecting this page took";
    STOPPING = Gauge "stopping" [] "Whether the server was asked to stop and brings what runs to a safe end";

    DRIVE_INFO = Gauge "drive_info" ["drive_id", "drive", "device", "vendor", "model", "serial"] "What the drive is, always 1";
    DRIVE_STATE = Gauge "drive_state" ["drive_id", "drive", "state"] "1 for the state the drive is in: busy, online, error or offline; 0 for the others";
    DRIVE_LOADED = Gauge "drive_loaded" ["drive_id", "drive"] "Whether a tape is in the drive, as last seen";
    DRIVE_ALERTS = Gauge "drive_alerts" ["drive_id", "drive", "severity"] "Complaints of the drive (TapeAlert and others) that are not over";
    DRIVE_CLEANING = Gauge "drive_cleaning_required" ["drive_id", "drive"] "Whether the drive asks to be cleaned";
    DRIVE_TEMPERATURE = Gauge "drive_temperature_celsius" ["drive_id", "drive"] "Temperature that the drive last told";
    DRIVE_ASKED = Gauge "drive_asked_timestamp_seconds" ["drive_id", "drive"] "When the drive last told its counters, Unix time";
    DRIVE_WRITTEN = Counter "drive_lifetime_written_bytes" ["drive_id", "drive"] "Bytes written in the life of the drive, as it last told";
    DRIVE_READ = Counter "drive_lifetime_read_bytes" ["drive_id", "drive"] "Bytes read in the life of the drive, as it last told";
    DRIVE_ERRORS = Counter "drive_lifetime_errors" ["drive_id", "drive", "direction"] "Errors in the life of the drive that it did not correct, by direction (read, write)";
    DRIVE_LOADS = Counter "drive_lifetime_loads" ["drive_id", "drive"] "Tapes loaded in the life of the drive";
    DRIVE_MOTION = Counter "drive_lifetime_motion_seconds" ["drive_id", "drive"] "Time in the life of the drive in which it moved tape";
    DRIVE_HITCHES = Counter "drive_lifetime_back_hitches" ["drive_id", "drive"] "Times in the life of the drive that it had to stop and go back, where it tells";

    STREAM_CONTENT = Counter "stream_content_bytes" ["drive_id", "drive"] "Content of files that went to or came from the drive since the server started";
    STREAM_TAPE = Counter "stream_tape_bytes" ["drive_id", "drive"] "Bytes written to tapes in the drive since the server started, after compression and encryption";
    STREAM_WORKING = Counter "stream_working_seconds" ["drive_id", "drive"] "Time that runs were at work on the drive since the server started";
    STREAM_WAITING = Counter "stream_waiting_seconds" ["drive_id", "drive"] "Time that runs on the drive waited for a tape, a drive or a person, or were paused, since the server started";
    STREAM_STARVED = Counter "stream_starved_seconds" ["drive_id", "drive"] "Time that the drive waited for data since the server started";
    STREAM_STARVATIONS = Counter "stream_starvations" ["drive_id", "drive"] "Times that the drive had to wait for data since the server started";
    STREAM_SPEED = Gauge "stream_speed_bytes_per_second" ["drive_id", "drive"] "Content that moves to or from the drive, mean of the last minute; 0 if nothing runs";
    STREAM_BUFFER = Gauge "stream_buffer_ratio" ["drive_id", "drive"] "How full the buffer before the drive is, 0 to 1; only while a run is on it";

    TAPES = Gauge "tapes" ["pool", "status"] "Tapes; those of no pool have an empty one";
    POOL_CAPACITY = Gauge "pool_capacity_bytes" ["pool"] "Native capacity of all tapes";
    POOL_USED = Gauge "pool_used_bytes" ["pool"] "Bytes on all tapes";
    POOL_WRITABLE = Gauge "pool_writable_bytes" ["pool"] "Room on the tapes that can be written now: blank or active, not on hold, not lost";
    TAPES_HELD = Gauge "tapes_on_hold" ["pool"] "Tapes that a person or the server put on hold";
    TAPES_LOST = Gauge "tapes_lost" ["pool"] "Tapes given up for lost";
    TAPES_UNVERIFIED = Gauge "tapes_never_verified" ["pool"] "Tapes with data that were never read back and compared";
    TAPES_VERIFIED = Gauge "tapes_oldest_verification_timestamp_seconds" ["pool"] "Last verification of the tape with data that was verified the longest ago, Unix time";
    LIBRARY_ELEMENTS = Gauge "library_elements" ["library_id", "library", "type", "state"] "Slots, mail slots and drive bays of a library, empty or occupied";

    SETS = Gauge "backup_sets" ["status"] "Backup sets";
    SETS_FILES = Gauge "backup_sets_files" ["status"] "File versions in them";
    SETS_CONTENT = Gauge "backup_sets_content_bytes" ["status"] "Content of their files";
    SETS_STORED = Gauge "backup_sets_stored_bytes" ["status"] "Bytes on tape, after compression and encryption";
    SOURCES_UNCOVERED = Gauge "sources_never_backed_up" [] "Sources that may be backed up and have no complete backup set";

    JOB_INFO = Gauge "job_info" ["job_id", "job_name", "source", "pool", "scheduled"] "What a backup job is, always 1; scheduled is yes if the clock starts it";
    JOB_NEXT = Gauge "job_next_run_timestamp_seconds" ["job_id", "job_name"] "When the job is due next, Unix time";
    JOB_SUCCESS = Gauge "job_last_success_timestamp_seconds" ["job_id", "job_name"] "When the newest complete backup set of the job ended, Unix time";
    JOB_OVERDUE = Gauge "job_without_recent_copy" ["job_id", "job_name"] "1 if the schedule of the job was due at least twice since its last complete backup, measured by its own schedule";
    JOB_OUTCOME = Gauge "job_last_run_outcome" ["job_id", "job_name", "outcome"] "1 for how the last run of the job ended: completed, failed or cancelled; 0 for the others";
    JOB_END = Gauge "job_last_run_timestamp_seconds" ["job_id", "job_name"] "When the last run of the job ended, Unix time";
    JOB_DURATION = Gauge "job_last_run_duration_seconds" ["job_id", "job_name"] "How long the last run of the job took";
    JOB_FILES = Gauge "job_last_run_files" ["job_id", "job_name"] "Files of the last run of the job";
    JOB_BYTES = Gauge "job_last_run_bytes" ["job_id", "job_name"] "Content bytes of the last run of the job";
    JOB_WARNINGS = Gauge "job_last_run_warnings" ["job_id", "job_name"] "Warnings of the last run of the job: files left out or changed while they were read";

    EXECUTIONS = Gauge "executions" ["kind", "status"] "Executions by kind and status, with those that have ended, as far as they are kept";
    EXECUTION_END = Gauge "execution_last_end_timestamp_seconds" ["kind", "status"] "When an execution of this kind last ended so, Unix time";
    EXECUTION_PHASE = Gauge "executions_in_phase" ["phase"] "Executions at work, by what they do now";
    QUEUE_AGE = Gauge "queue_oldest_age_seconds" [] "How long the oldest execution has been waiting to begin; 0 if none waits";
    CHANGES = Gauge "tape_changes_open" ["reason"] "Requests for a tape that wait for a person";
    CHANGES_AGE = Gauge "tape_changes_oldest_age_seconds" [] "How long the oldest request for a tape has been waiting; 0 if there is none";
    ATTENTION = Gauge "attention_items" ["topic", "severity"] "What needs a person, as the first page shows it; topics without any are left out";

    OUTBOX = Gauge "outbox_messages" ["channel_id", "channel", "kind", "status"] "Messages that wait (held, queued, sending) or were given up (failed)";
    OUTBOX_AGE = Gauge "outbox_oldest_age_seconds" ["channel_id", "channel", "kind"] "How long the oldest message that is to be sent now has been waiting; 0 if none waits";
    CHANNEL_FAILURES = Gauge "channel_failures" ["channel_id", "channel", "kind"] "Attempts in a row that the channel did not take";
    CHANNEL_SENT = Gauge "channel_last_sent_timestamp_seconds" ["channel_id", "channel", "kind"] "When the channel last took a message, Unix time";

    DATABASE_SIZE = Gauge "database_size_bytes" [] "Size of the database";
    DATABASE_FREE = Gauge "database_free_bytes" [] "Bytes in the file of the database that nothing uses";
    DATABASE_WAL = Gauge "database_wal_bytes" [] "Size of the write-ahead log of the database";
    DATABASE_CONNECTIONS = Gauge "database_connections" ["state"] "Connections to the database, used and idle";
    DATABASE_MOST = Gauge "database_connections_max" [] "Most connections to the database";
    DATABASE_COPY = Gauge "database_backup_timestamp_seconds" [] "When the newest copy of the database on tape was taken, Unix time";
    DATABASE_COPY_SIZE = Gauge "database_backup_size_bytes" [] "Size of that copy";
    DISK_FREE = Gauge "disk_free_bytes" ["folder"] "Bytes that the server can still write on the disk of a folder: data, database";
    DISK_SIZE = Gauge "disk_size_bytes" ["folder"] "Size of that disk";
    DISK_RESERVE = Gauge "disk_reserve_bytes" [] "With less free than this no run that writes to tape begins (database.reserve_mb)";

    CERTIFICATE = Gauge "certificate_expiry_timestamp_seconds" [] "When the certificate that the server shows expires, Unix time; absent without TLS";
    LOGINS_FAILED = Counter "logins_failed" [] "Wrong passwords and codes since the server started";
    LOGINS_LOCKED = Counter "logins_locked" [] "Logins refused because of too many wrong ones since the server started";
    RATE_LIMITED = Counter "requests_rate_limited" [] "Requests refused because they came too fast since the server started";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_follow_the_conventions() {
        let word = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        // Prometheus gives these to every series, or to buckets and quantiles
        let taken = ["job", "instance", "le", "quantile"];
        let mut seen = BTreeSet::new();
        for family in ALL {
            assert!(word(family.name) && seen.insert(family.name), "{}", family.name);
            for ending in ["_total", "_count", "_sum", "_bucket", "_created"] {
                assert!(!family.name.ends_with(ending), "{} would end twice, or mean something else", family.name);
            }
            assert!(family.labels.iter().all(|label| word(label) && !taken.contains(label)), "{}", family.name);
            assert_eq!(family.labels.iter().collect::<BTreeSet<_>>().len(), family.labels.len(), "{}", family.name);
            assert!(!family.help.contains(['\n', '\\', '"']) && !family.help.ends_with('.'), "{}", family.name);
        }
        assert_eq!(DRIVE_WRITTEN.sample(), "tapebackarr_drive_lifetime_written_bytes_total");
        assert_eq!(DRIVE_WRITTEN.split(), ("tapebackarr_drive_lifetime_written", Some("bytes")));
        assert_eq!(STREAM_SPEED.split(), ("tapebackarr_stream_speed_bytes_per_second", None));
    }
}
