//! The enumerations of the database, each a word.

use super::text_enum::text_enum;

text_enum!(
    /// Where a tape is in its life.
    TapeStatus {
        /// Labelled or not, nothing on it that counts.
        Blank = "blank",
        /// Has data and takes more.
        Active = "active",
        /// Has data and takes no more.
        Full = "full",
        /// Everything on it has passed its retention; may be written again from the start.
        Expired = "expired",
        /// Never to be written again.
        Retired = "retired",
        /// Out of the house.
        Exported = "exported",
    }
);

text_enum!(
    /// What is on a tape: our own format or LTFS.
    FormatType {
        /// Label, sets and tables of contents as `docs/tape-format.md` describes.
        Raw = "raw",
        /// A Linear Tape File System volume.
        Ltfs = "ltfs",
    }
);

text_enum!(
    /// How the data file of a part is built.
    PartFormat {
        /// Frames that can be read one by one, as `docs/tape-format.md` describes.
        Frames = "frames",
        /// As version 1 of the program wrote it: one stream that is read from its beginning.
        V1 = "v1",
    }
);

text_enum!(
    /// How a pool chooses the tape for a new set.
    AllocationPolicy {
        /// Go on with the tape that has data already.
        Continue = "continue",
        /// Begin every set on an empty tape.
        AlwaysNew = "always-new",
    }
);

text_enum!(
    /// Whether a pool has write-once cartridges, which are appended to and never written anew.
    WriteOnce {
        /// Beside others.
        Allow = "allow",
        /// No others: nothing that was written can be changed before it is destroyed with the cartridge.
        Require = "require",
        /// None.
        Refuse = "refuse",
    }
);

text_enum!(
    /// What a drive is doing, as last seen.
    DriveStatus {
        /// Usable.
        Ready = "ready",
        /// Reserved by an execution.
        Busy = "busy",
        /// Not there, or not switched on.
        Offline = "offline",
        /// There, but not usable; see its error message.
        Error = "error",
    }
);

text_enum!(
    /// What an element of a library is.
    SlotType {
        /// A slot of the magazine.
        Storage = "storage",
        /// A mail slot.
        ImportExport = "import_export",
        /// The bay of a drive.
        Drive = "drive",
    }
);

text_enum!(
    /// How bad a drive's alert is.
    Severity {
        /// Good to know.
        Info = "info",
        /// Needs attention soon.
        Warning = "warning",
        /// Needs attention before the next write.
        Critical = "critical",
    }
);

text_enum!(
    /// Where a source's files are. All three are read through a mounted path.
    SourceType {
        /// A local file system.
        Local = "local",
        /// A mounted SMB share.
        Smb = "smb",
        /// A mounted NFS export.
        Nfs = "nfs",
    }
);

text_enum!(
    /// Everything, or what changed since the parent set.
    BackupType {
        /// Everything.
        Full = "full",
        /// What is new or changed since the parent set, and what is gone.
        Incremental = "incremental",
    }
);

text_enum!(
    /// What becomes of runs that were due while the server was down.
    MissedRuns {
        /// Run once at start.
        Run = "run",
        /// Wait for the next time.
        Skip = "skip",
    }
);

text_enum!(
    /// How a job compresses.
    Compression {
        /// Not at all.
        None = "none",
        /// In the drive.
        Lto = "lto",
        /// gzip, in software.
        Gzip = "gzip",
        /// zstd, in software.
        Zstd = "zstd",
    }
);

text_enum!(
    /// Where a backup set is in its life.
    SetStatus {
        /// Not begun.
        Pending = "pending",
        /// Being written.
        Running = "running",
        /// On tape, with its table of contents.
        Completed = "completed",
        /// Not usable as a whole; what the tape holds is still salvageable.
        Failed = "failed",
        /// Ended by a person before it was complete.
        Cancelled = "cancelled",
        /// Known from tapes, but not all of it has been read; what there is can be listed and restored.
        Incomplete = "incomplete",
    }
);

text_enum!(
    /// Why a person has to change a tape.
    TapeChangeReason {
        /// The tape before is full.
        TapeFull = "tape_full",
        /// The tape before cannot be used any more.
        TapeError = "tape_error",
        /// Work begins with a tape, or reads one, that no machine can fetch.
        TapeNeeded = "tape_needed",
    }
);

text_enum!(
    /// Where a request for a tape is in its life.
    TapeChangeStatus {
        /// Somebody has to do something.
        Pending = "pending",
        /// A person says that it is done; the execution is looking.
        Acknowledged = "acknowledged",
        /// The execution has its tape.
        Completed = "completed",
        /// Nobody has to do anything any more.
        Cancelled = "cancelled",
    }
);

text_enum!(
    /// Where a set that goes over several parts is in its life.
    SpanningStatus {
        /// More parts may come.
        InProgress = "in_progress",
        /// All parts are on tape.
        Completed = "completed",
        /// The set was not completed.
        Failed = "failed",
    }
);

text_enum!(
    /// Where an execution is in its life.
    ExecutionStatus {
        /// In the queue.
        Pending = "pending",
        /// At work.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Ended with an error.
        Failed = "failed",
        /// Ended by a person.
        Cancelled = "cancelled",
        /// Stopped at a checkpoint, to be resumed.
        Paused = "paused",
    }
);

text_enum!(
    /// How important a line of an execution's log is.
    LogLevel {
        /// What happened.
        Info = "info",
        /// Something was left out or done differently.
        Warning = "warning",
        /// Something failed.
        Error = "error",
    }
);

text_enum!(
    /// How an event is shown.
    EventType {
        /// What happened.
        Info = "info",
        /// Needs attention.
        Warning = "warning",
        /// Something ended well.
        Success = "success",
        /// Something failed.
        Error = "error",
    }
);

text_enum!(
    /// What a user or an API key may do.
    Role {
        /// Everything.
        Admin = "admin",
        /// All work on tapes, drives, jobs and restores.
        Operator = "operator",
        /// Reading, never a secret.
        Readonly = "readonly",
    }
);

text_enum!(
    /// How a request that was written into the audit log ended.
    AuditOutcome {
        /// Done.
        Ok = "ok",
        /// Not allowed.
        Denied = "denied",
        /// Allowed, but it failed.
        Failed = "failed",
    }
);

text_enum!(
    /// Where a restore is in its life.
    RestoreStatus {
        /// Not begun.
        Pending = "pending",
        /// At work.
        Running = "running",
        /// Done.
        Completed = "completed",
        /// Ended with an error.
        Failed = "failed",
    }
);

text_enum!(
    /// Where a backup of the database itself is in its life.
    DatabaseBackupStatus {
        /// Being written.
        Pending = "pending",
        /// On tape.
        Completed = "completed",
        /// Ended with an error.
        Failed = "failed",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for status in TapeStatus::ALL {
            assert_eq!(status.as_str().parse::<TapeStatus>().expect("parse"), *status);
            let json = serde_json::to_string(status).expect("json");
            assert_eq!(json, format!("\"{status}\""));
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_ones() {
        let error = "offsite".parse::<TapeStatus>().expect_err("no such status");
        assert_eq!(error.message, "'offsite' is none of: blank, active, full, expired, retired, exported");
    }
}

text_enum!(
    /// What kind of address a notification channel is.
    ChannelKind {
        /// Mail by SMTP.
        Email = "email",
        /// A chat of a Telegram bot.
        Telegram = "telegram",
        /// An HTTP POST with JSON.
        Webhook = "webhook",
        /// A topic of an ntfy server.
        Ntfy = "ntfy",
        /// An application of a Gotify server.
        Gotify = "gotify",
    }
);

text_enum!(
    /// How much a notification matters.
    Weight {
        /// Good to know.
        Info = "info",
        /// Somebody should look.
        Warning = "warning",
        /// Something failed.
        Error = "error",
    }
);

text_enum!(
    /// Where a message of the outbox is in its life.
    OutboxStatus {
        /// Kept until the quiet hours end or the digest is due.
        Held = "held",
        /// To be sent, now or at its next attempt.
        Queued = "queued",
        /// Being sent.
        Sending = "sending",
        /// The other side has taken it.
        Sent = "sent",
        /// Given up.
        Failed = "failed",
        /// A person, or the limit of the queue, took it out.
        Discarded = "discarded",
        /// Part of a digest.
        Merged = "merged",
    }
);
