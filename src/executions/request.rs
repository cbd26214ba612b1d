//! What can be asked for: one typed request per kind of long work.
//!
//! A request is stored as JSON with its execution, so that work that had not begun survives a restart.

pub use crate::restore::ExistingPolicy;

use super::Chore;
use crate::db::BackupType;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request for long work; the `kind` is the execution's kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Run a backup job.
    Backup(BackupRequest),
    /// Bring files back.
    Restore(RestoreRequest),
    /// Read sets back from tape and compare every hash.
    Verify(VerifyRequest),
    /// Write the label of one tape.
    Label(LabelRequest),
    /// Label many tapes.
    BatchLabel(BatchLabelRequest),
    /// Erase a tape and write a fresh label.
    Format(FormatRequest),
    /// Read what is on the tape in a drive.
    Inspect(InspectRequest),
    /// Something a person does with a drive.
    Drive(DriveRequest),
    /// Something a person does with a library.
    Library(LibraryRequest),
    /// Extract whatever archive the tape in a drive holds, without the catalog.
    RawRead(RawReadRequest),
    /// Write a copy of the database to a tape.
    DatabaseBackup(DatabaseBackupRequest),
    /// Read a copy of the database back from a tape.
    DatabaseRestore(DatabaseRestoreRequest),
    /// Take a database of version 1 over.
    ImportV1Database(ImportV1DatabaseRequest),
    /// Make a tape of version 1 known.
    ImportV1Tape(ImportV1TapeRequest),
    /// Rebuild the catalog from what tapes say of themselves.
    Rebuild(RebuildRequest),
    /// Put away what is over, and look after the database.
    Maintenance(MaintenanceRequest),
    /// Read tapes back and compare every hash: those named, or those whose turn it is.
    Scrub(ScrubRequest),
    /// Restore files chosen at random, compare them, and delete them again.
    Drill(DrillRequest),
    /// Copy sets to another pool.
    Copy(CopyRequest),
}

impl Request {
    /// Whether it puts something on tape that the database has to know of.
    pub fn writes_tapes(&self) -> bool {
        matches!(
            self,
            Request::Backup(_)
                | Request::Copy(_)
                | Request::DatabaseBackup(_)
                | Request::Label(_)
                | Request::BatchLabel(_)
                | Request::Format(_)
        )
    }

    /// The execution's `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Request::Backup(_) => "backup",
            Request::Restore(_) => "restore",
            Request::Verify(_) => "verify",
            Request::Label(_) => "label",
            Request::BatchLabel(_) => "batch_label",
            Request::Format(_) => "format",
            Request::Inspect(_) => "inspect",
            Request::Drive(_) => "drive",
            Request::Library(_) => "library",
            Request::RawRead(_) => "raw_read",
            Request::DatabaseBackup(_) => "database_backup",
            Request::DatabaseRestore(_) => "database_restore",
            Request::ImportV1Database(_) => "import_v1_database",
            Request::ImportV1Tape(_) => "import_v1_tape",
            Request::Rebuild(_) => "rebuild",
            Request::Maintenance(_) => "maintenance",
            Request::Scrub(_) => "scrub",
            Request::Drill(_) => "drill",
            Request::Copy(_) => "copy",
        }
    }
}

/// Run a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BackupRequest {
    /// The job.
    pub job_id: i32,
    /// Write to this tape instead of one chosen from the job's pool.
    #[serde(default)]
    pub tape_id: Option<i32>,
    /// Instead of the job's own type.
    #[serde(default)]
    pub backup_type: Option<BackupType>,
    /// Go on with this set, which was interrupted.
    #[serde(default)]
    pub resume_set: Option<i32>,
}

/// Bring files back. Names a set, or a job and a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(default)]
pub struct RestoreRequest {
    /// The set whose state is wanted; with its parents, for an incremental.
    pub backup_set_id: Option<i32>,
    /// Or: the job …
    pub job_id: Option<i32>,
    /// … and the moment (UTC): the newest set completed by then. Without it: the newest.
    pub as_of: Option<chrono::NaiveDateTime>,
    /// Single paths. Empty with empty `folder_paths`: everything.
    pub file_paths: Vec<String>,
    /// Folders with all that is in them.
    pub folder_paths: Vec<String>,
    /// What of those stays on tape, with all that is in it; where a wanted path is deeper, that one counts.
    pub exclude_paths: Vec<String>,
    /// Only what the named set itself holds, without its parents.
    pub only_this_set: bool,
    /// Directory that receives the files; made if missing.
    pub dest_path: String,
    /// `local`, `nfs` or `smb`: the latter two must be mounted.
    pub destination_type: Option<String>,
    /// What happens to files that exist.
    pub policy: Option<ExistingPolicy>,
    /// The Go program's word for `policy: overwrite`.
    pub overwrite: bool,
    /// Read every restored file back from the destination and compare it too.
    pub verify: bool,
    /// Use this drive.
    pub drive_id: Option<i32>,
}

impl RestoreRequest {
    /// The policy that `policy` and `overwrite` together mean.
    pub fn existing(&self) -> ExistingPolicy {
        self.policy.unwrap_or(if self.overwrite { ExistingPolicy::Overwrite } else { ExistingPolicy::Keep })
    }
}

/// Verify sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifyRequest {
    /// The sets, in any order.
    pub set_ids: Vec<i32>,
    /// Use this drive.
    #[serde(default)]
    pub drive_id: Option<i32>,
}

/// Whether something that holds data may be destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destroy {
    /// Refuse if there is anything on the tape.
    #[default]
    Never,
    /// The person said so. Sets that have not expired still forbid it.
    Confirmed,
}

/// What to do with the tape afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// Leave it in the drive.
    #[default]
    Leave,
    /// Eject it; in a library, put it back to a slot.
    Eject,
}

/// Label one tape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelRequest {
    /// The tape's row; its label, uuid and pool go onto the tape.
    pub tape_id: i32,
    /// A new name for it.
    #[serde(default)]
    pub label: Option<String>,
    /// The drive it is in, or shall be put in; none: any.
    #[serde(default)]
    pub drive_id: Option<i32>,
    /// Overwrite what is on it.
    #[serde(default)]
    pub destroy: Destroy,
    /// Eject when done.
    #[serde(default)]
    pub afterwards: Afterwards,
}

/// Label many tapes: those that a person inserts one after the other into a drive, or all unlabelled ones of a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchLabelRequest {
    /// A drive that a person feeds.
    #[serde(default)]
    pub drive_id: Option<i32>,
    /// A library whose blank cartridges are labelled by the robot.
    #[serde(default)]
    pub library_id: Option<i32>,
    /// Labels are the bar codes; else `prefix` and a number.
    #[serde(default)]
    pub barcodes: bool,
    /// Beginning of each label.
    #[serde(default)]
    pub prefix: String,
    /// First number.
    #[serde(default)]
    pub start_number: u32,
    /// How many; 0 with a library: all that are blank.
    #[serde(default)]
    pub count: u32,
    /// Digits of the number.
    #[serde(default)]
    pub digits: u32,
    /// The pool they join.
    pub pool_id: Option<i32>,
}

/// Format the tape in a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FormatRequest {
    /// The drive; none: wherever the tape is.
    #[serde(default)]
    pub drive_id: Option<i32>,
    /// The tape that must be in it; none: whatever is in it.
    #[serde(default)]
    pub tape_id: Option<i32>,
}

/// Read what is on the tape in a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InspectRequest {
    /// The drive.
    pub drive_id: i32,
    /// Only look for copies of the database.
    #[serde(default)]
    pub databases: bool,
}

/// What a person does with a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriveAction {
    /// Thread the cartridge that is in it, and read its label.
    Load,
    /// Eject; in a library, put the cartridge back to its slot.
    Eject,
    /// Go to the beginning.
    Rewind,
    /// Wind to the end and back.
    Retension,
    /// Run a cleaning cartridge of the library.
    Clean,
    /// Let the drive encrypt what is written to the tape in it.
    Encrypt {
        /// With this key.
        encryption_key_id: i32,
    },
    /// Take the key away from the drive.
    Decrypt,
    /// See whether it does what backups rely on, and the robot what it should.
    Test {
        /// Overwrite the tape, which must be blank.
        destructive: bool,
        /// And write until it is full.
        fill: bool,
    },
}

/// Something a person does with a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriveRequest {
    /// The drive.
    pub drive_id: i32,
    /// What.
    pub action: DriveAction,
}

/// What a person does with a library. Numbers are element addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum LibraryAction {
    /// Look and read all bar codes.
    Inventory,
    /// From a slot into a drive.
    Load {
        /// Element address of the slot.
        slot: u16,
        /// Element address of the drive's bay.
        drive: u16,
    },
    /// From a drive into a slot; none: where it came from, or any empty one.
    Unload {
        /// Element address of the slot.
        slot: Option<u16>,
        /// Element address of the drive's bay.
        drive: u16,
    },
    /// From slot to slot.
    Transfer {
        /// Element address of the full one.
        from: u16,
        /// Element address of the empty one.
        to: u16,
    },
}

/// Something a person does with a library.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LibraryRequest {
    /// The library.
    pub library_id: i32,
    /// What.
    #[serde(flatten)]
    pub action: LibraryAction,
}

/// Extract whatever archive is on the tape in a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RawReadRequest {
    /// The drive.
    pub drive_id: i32,
    /// Directory that receives the files.
    pub dest_path: String,
    /// What happens to files that exist.
    #[serde(default)]
    pub policy: ExistingPolicy,
    /// Key for encrypted sets, by its fingerprint's row; none: tried from all known keys.
    #[serde(default)]
    pub encryption_key_id: Option<i32>,
}

/// Write a copy of the database to a tape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseBackupRequest {
    /// The tape; none: one chosen from the pool.
    #[serde(default)]
    pub tape_id: Option<i32>,
    /// The pool that a tape is chosen from; none: that of `tape_id`, or of `after_tape`.
    #[serde(default)]
    pub pool_id: Option<i32>,
    /// The tape that a run has just ended on: it is taken if it is in the pool and has room.
    #[serde(default)]
    pub after_tape: Option<i32>,
    /// The key it is encrypted with; none: the newest one. Without any key it is refused.
    #[serde(default)]
    pub encryption_key_id: Option<i32>,
    /// Its row in the list of copies, if it has one already.
    #[serde(default)]
    pub database_backup_id: Option<i32>,
}

/// Read a copy of the database back from tape into a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatabaseRestoreRequest {
    /// The copy, if this server knows it …
    #[serde(default)]
    pub database_backup_id: Option<i32>,
    /// … or the drive with a tape that it is on …
    #[serde(default)]
    pub drive_id: Option<i32>,
    /// … and the number of its tape file; none: the newest copy on the tape.
    #[serde(default)]
    pub tape_file: Option<u64>,
    /// The file it becomes, which must not exist; none: the database of this server, from the next start on.
    #[serde(default)]
    pub dest_path: Option<String>,
}

/// Take a database of version 1 (the Go program) over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportV1DatabaseRequest {
    /// The uploaded copy; deleted when it is done.
    pub file: String,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// Make a tape of version 1 (the Go program) known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportV1TapeRequest {
    /// The drive it is in.
    pub drive_id: i32,
    /// Key for encrypted data; none: all known keys are tried.
    #[serde(default)]
    pub encryption_key_id: Option<i32>,
    /// List the files from the data even if there is a table of contents.
    #[serde(default)]
    pub read_data: bool,
}

/// Rebuild the catalog from tapes: the one in a drive, all of a library, or those of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RebuildRequest {
    /// Whatever tape is in this drive; with a library or a list: the drive to use.
    pub drive_id: Option<i32>,
    /// All data cartridges of this library.
    pub library_id: Option<i32>,
    /// These tapes, which the database knows.
    pub tape_ids: Vec<i32>,
    /// Only say what would be taken in.
    pub dry_run: bool,
}

/// Put away what is over, and look after the database.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MaintenanceRequest {
    /// What to do; empty: what is done every day.
    #[serde(default)]
    pub chores: Vec<Chore>,
}

/// Verify whole tapes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrubRequest {
    /// These; none: those whose turn it is, as many as the settings say.
    pub tape_ids: Vec<i32>,
    /// Instead of the number of the settings.
    pub tapes: Option<u32>,
    /// Use this drive.
    pub drive_id: Option<i32>,
}

/// Restore files chosen at random.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DrillRequest {
    /// So many; none: as the settings say.
    pub files: Option<u32>,
    /// Only of this job.
    pub job_id: Option<i32>,
    /// Repeat the choice of an earlier drill.
    pub seed: Option<u32>,
}

/// Copy sets to another pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyRequest {
    /// The sets. Those that the pool has already are left out.
    pub set_ids: Vec<i32>,
    /// The pool.
    pub pool_id: i32,
}
