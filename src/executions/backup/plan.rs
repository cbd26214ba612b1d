//! What a run will do, decided and checked before a tape moves.

use super::tape::OpenTape;
use super::write::SetHeader;
use crate::backup::diff::Inodes;
use crate::backup::engine::EngineOptions;
use crate::backup::filter::{Case, Filter, FilterSpec};
use crate::backup::place::unless_stopped;
use crate::backup::resume::Resume;
use crate::backup::source::{self, SourceKind};
use crate::backup::walk::Mounts;
use crate::backup::warning::{Severity, Warning, WarningSink};
use crate::catalog::{baseline::Baseline, chain};
use crate::db::{
    self, BackupType, Compression, SetStatus, SourceType,
    encryption_keys::EncryptionKey,
    jobs::Job,
    sets::{BackupSet, NewSet},
    sources::Source,
};
use crate::executions::context::stopped;
use crate::executions::{BackupRequest, Context, Warnings};
use crate::keys::{drive_key, locks, rotation};
use crate::media::retention;
use crate::{Error, ErrorKind, Result};
use chrono::NaiveDateTime;
use std::path::PathBuf;
use std::sync::Arc;
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::toc::{SetInfo, SetKind};
use uuid::Uuid;

/// The plan of a run.
pub struct Plan {
    /// The job.
    pub job: Job,
    /// Its source.
    pub source: Source,
    /// The pool it writes to.
    pub pool_id: i32,
    /// Full or incremental, as it will really be.
    pub backup_type: BackupType,
    /// The set it builds on.
    pub parent: Option<i32>,
    /// The key, unwrapped and tested.
    pub key: Option<(EncryptionKey, Arc<Key>)>,
    /// The key with which the drive encrypts.
    pub drive_key: Option<i32>,
    /// Compression of the frames.
    pub codec: Codec,
    root: PathBuf,
    pool_retention_days: i32,
}

/// Looks everything up, tests the source and the key, and decides between full and incremental.
pub fn make(context: &Context, request: &BackupRequest) -> Result<Plan> {
    let mut conn = context.conn()?;
    let job = db::jobs::find(&mut conn, request.job_id)?;
    let source = db::sources::find(&mut conn, job.source_id)?;
    let pool = db::pools::find(&mut conn, job.pool_id)?;
    if !source.enabled {
        return Err(Error::conflict("source_disabled", format!("source {} is disabled; enable it first", source.name)));
    }
    context.phase("initializing", format!("Job {}: checking source {}.", job.name, source.path))?;
    let kind = match source.source_type {
        SourceType::Local => SourceKind::Local,
        SourceType::Nfs => SourceKind::Nfs,
        SourceType::Smb => SourceKind::Smb,
    };
    // a mount that does not answer must not keep a connection, nor a person who cancels
    drop(conn);
    let path = PathBuf::from(&source.path);
    let checked = unless_stopped(&context.control.flag(), move || source::check(kind, &path))?;
    let checked = match (checked, context.control.stopped()) {
        (Some(checked), _) => checked?,
        (None, Some(why)) => {
            context.log(&format!("The source {} has not answered; look at its mount.", source.path));
            return Err(stopped(why));
        }
        (None, None) => return Err(Error::internal("the check of the source ended without an answer")),
    };
    if checked.root.starts_with(context.services.config.data_dir.canonicalize()?) {
        let message = format!(
            "the source {} is in the folder of the server's own database and keys, which nobody gets by a backup; the \
             database is copied to tape by a database backup",
            source.path
        );
        return Err(Error::new(ErrorKind::Unprocessable, "source_unreadable", message));
    }
    let mut conn = context.conn()?;
    let resumed = request.resume_set.map(|id| db::sets::find(&mut conn, id)).transpose()?;
    let wanted = match &resumed {
        Some(set) => set.backup_type,
        None => request.backup_type.unwrap_or(job.backup_type),
    };
    let parent = match (&resumed, wanted) {
        (Some(set), _) => set.parent_set_id.map(|id| db::sets::find(&mut conn, id)).transpose()?,
        (None, BackupType::Full) => None,
        (None, BackupType::Incremental) => retention::facts::base_of(&mut conn, job.id)?,
    };
    let backup_type = if parent.is_some() { BackupType::Incremental } else { BackupType::Full };
    if resumed.is_some() {
        context.why(&["This run goes on with the set of the one that was interrupted.".into()])?;
    } else if wanted != backup_type {
        context.why(&[
            "This run is a full backup: the job has no completed set that an incremental could build on, or it has \
             expired, or is on a lost tape."
                .into(),
        ])?;
    } else if let Some(parent) = &parent {
        context.why(&[format!(
            "Incremental to set {} of {}: files are sent if they are new or changed since then.",
            parent.id,
            parent.start_time.format("%Y-%m-%d %H:%M UTC")
        )])?;
    }
    // what goes on with a set keeps its key; a new one gets the key that is in use now
    let mut current = |id: Option<i32>| {
        let find = |id| rotation::for_new_set(&context.services.keys, &mut conn, &context.services.bus, id);
        id.map(find).transpose().map(|key| key.map(|key| key.id))
    };
    let (encrypted, key_id) = match &resumed {
        Some(set) => (set.encrypted, set.encryption_key_id),
        None => (job.encryption_enabled, current(job.encryption_key_id.filter(|_| job.encryption_enabled))?),
    };
    let (in_drive, drive_key) = match &resumed {
        Some(set) => (set.hw_encrypted, set.hw_encryption_key_id),
        None => {
            let wanted = job.hw_encryption_key_id.filter(|_| job.hw_encryption_enabled);
            (job.hw_encryption_enabled, current(wanted)?)
        }
    };
    let key = match (encrypted, key_id) {
        (true, Some(id)) => {
            let key = context.services.keys.for_writing(&mut conn, id)?;
            Some((db::encryption_keys::find(&mut conn, id)?, Arc::new(key)))
        }
        (true, None) => return Err(Error::conflict("no_key", format!("job {} encrypts but names no key", job.name))),
        (false, _) => None,
    };
    let drive_key = match (in_drive, drive_key) {
        // proven now, before a tape is moved
        (true, Some(id)) => context.services.keys.for_writing(&mut conn, id).map(|_| Some(id))?,
        (true, None) => {
            let message = format!("job {} lets the drive encrypt but names no key", job.name);
            return Err(Error::conflict("no_key", message));
        }
        (false, _) => None,
    };
    Ok(Plan {
        codec: match &resumed {
            Some(set) => codec_of_set(set, job.compression_level, &context.services.config.backup)?,
            None => codec(job.compression, job.compression_level, &context.services.config.backup),
        },
        parent: parent.map(|set| set.id),
        pool_id: pool.id,
        backup_type,
        key,
        drive_key,
        root: checked.root,
        pool_retention_days: pool.retention_days,
        job,
        source,
    })
}

fn codec_of_set(set: &BackupSet, level: Option<i32>, defaults: &crate::config::Backup) -> Result<Codec> {
    let known: Compression = set
        .compression_type
        .parse()
        .map_err(|_| Error::internal(format!("backup set {} has unknown compression", set.id)))?;
    Ok(codec(known, level, defaults))
}

fn codec(compression: Compression, level: Option<i32>, defaults: &crate::config::Backup) -> Codec {
    match compression {
        Compression::None | Compression::Lto => Codec::None,
        Compression::Gzip => {
            Codec::Gzip { level: level.and_then(|level| u32::try_from(level).ok()).unwrap_or(defaults.gzip_level) }
        }
        Compression::Zstd => Codec::Zstd { level: level.unwrap_or(defaults.zstd_level) },
    }
}

impl Plan {
    /// What the engine has to send.
    pub fn engine_options(
        &self,
        context: &Context,
        warnings: Warnings,
        resume: Option<Resume>,
    ) -> Result<EngineOptions> {
        let filter = Filter::new(&FilterSpec {
            include: self.source.includes()?,
            exclude: self.source.excludes()?,
            case: if self.source.case_insensitive { Case::Insensitive } else { Case::Sensitive },
        })?;
        let baseline = match self.parent {
            None => None,
            Some(parent) => {
                let chain = chain::of(&mut *context.conn()?, parent)?;
                let baseline = Baseline::new(&context.services.db, &chain)?;
                Some(Box::new(baseline) as Box<dyn crate::backup::diff::Baseline>)
            }
        };
        let config = &context.services.config;
        Ok(EngineOptions {
            filter,
            mounts: if self.source.one_file_system { Mounts::Stay } else { Mounts::Cross },
            inodes: if self.source.source_type == SourceType::Smb { Inodes::Ignore } else { Inodes::Compare },
            baseline,
            codec: self.codec,
            buffer_bytes: usize::try_from(config.tape.buffer_bytes()).unwrap_or(usize::MAX),
            start_percent: config.tape.start_percent,
            pause_percent: config.tape.refill_percent,
            workers: config.backup.worker_threads(),
            exclude_paths: vec![config.data_dir.clone()],
            cancel: context.control.flag(),
            warnings: Some(sink(warnings)),
            resume,
            ..EngineOptions::new(&self.root)
        })
    }

    /// The row of the set that is about to be written.
    pub fn new_set(&self, tape: &OpenTape) -> NewSet {
        NewSet {
            uuid: Uuid::new_v4().to_string(),
            job_id: self.job.id,
            tape_id: tape.tape_id,
            backup_type: self.backup_type,
            start_time: db::now(),
            status: SetStatus::Running,
            start_block: Some(tape.at.block as i64),
            encrypted: self.key.is_some(),
            encryption_key_id: self.key.as_ref().map(|(row, _)| row.id),
            hw_encrypted: self.drive_key.is_some(),
            hw_encryption_key_id: self.drive_key,
            compressed: self.job.compression != Compression::None,
            compression_type: self.job.compression.to_string(),
            parent_set_id: self.parent,
            ..NewSet::default()
        }
    }

    /// When the set may be forgotten if it ends then.
    pub fn expires_at(&self, end: NaiveDateTime) -> Option<NaiveDateTime> {
        expires_at(&self.job, self.pool_retention_days, end)
    }
}

/// When a set of a job may be forgotten that ends then; never, if neither the job nor its pool says.
pub fn expires_at(job: &Job, pool_retention_days: i32, end: NaiveDateTime) -> Option<NaiveDateTime> {
    let days = i64::from(if job.retention_days > 0 { job.retention_days } else { pool_retention_days });
    (days > 0).then(|| end + chrono::Duration::days(days))
}

impl SetHeader {
    /// What every part of a set says about it on tape.
    pub fn of(context: &Context, set: &BackupSet) -> Result<SetHeader> {
        let config = &context.services.config;
        let mut conn = context.conn()?;
        let uuid_of = |uuid: &str| {
            Uuid::parse_str(uuid).map_err(|_| Error::internal(format!("'{uuid}' is not the uuid of a backup set")))
        };
        let parent = set.parent_set_id.map(|id| db::sets::find(&mut conn, id)).transpose()?;
        let key = match set.encryption_key_id.filter(|_| set.encrypted) {
            Some(id) => Some(Arc::new(context.services.keys.for_writing(&mut conn, id)?)),
            None => None,
        };
        let pool = db::tapes::find(&mut conn, set.tape_id)?.pool_id;
        let locked_key = match (&key, pool) {
            (Some(key), Some(pool)) => locks::for_pool(&context.services.keys, &mut conn, pool, key)?,
            _ => None,
        };
        Ok(SetHeader {
            set_id: Some(set.id),
            info: SetInfo {
                uuid: uuid_of(&set.uuid)?,
                job: db::jobs::find(&mut conn, set.job_id)?.name,
                kind: match set.backup_type {
                    BackupType::Full => SetKind::Full,
                    BackupType::Incremental => SetKind::Incremental,
                },
                parent: parent.map(|parent| uuid_of(&parent.uuid)).transpose()?,
                start: set.start_time.and_utc().timestamp(),
                compression: set.compression_type.clone(),
                copy_of: db::copies::original_of(&mut conn, set.id)?.map(|uuid| uuid_of(&uuid)).transpose()?,
            },
            codec: codec_of_set(set, None, &config.backup)?,
            key,
            locked_key,
            drive_key: match (set.hw_encrypted, set.hw_encryption_key_id) {
                (true, Some(id)) => Some(drive_key(&context.services.keys.for_writing(&mut conn, id)?)?),
                (true, None) => {
                    let message = format!("the drive is to encrypt set {} and its key is not known", set.id);
                    return Err(Error::conflict("no_key", message));
                }
                (false, _) => None,
            },
            block_size: config.tape.block_size,
            spool_dir: config.spool_dir(),
            checkpoint_bytes: config.tape.checkpoint_bytes(),
            drive_compression: match set.compression_type == Compression::Lto.to_string() {
                true => tape_drive::Compression::On,
                false => tape_drive::Compression::Off,
            },
        })
    }
}

/// Stores what the engine notices; what is only for information is not a warning.
fn sink(warnings: Warnings) -> WarningSink {
    Arc::new(move |warning: &Warning| {
        if warning.kind.severity() == Severity::Warning {
            warnings.add(&tape_format::path_text::to_text(&warning.path), &warning.message);
        }
    })
}
