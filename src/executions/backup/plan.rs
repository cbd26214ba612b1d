//! What a run will do, decided and checked before a tape moves.

use super::tape::OpenTape;
use super::write::SetHeader;
use crate::backup::diff::Inodes;
use crate::backup::engine::EngineOptions;
use crate::backup::filter::{Case, Filter, FilterSpec};
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
use crate::executions::{BackupRequest, Context, Warnings};
use crate::media::retention;
use crate::{Error, Result};
use std::path::{Path, PathBuf};
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
    /// The parent's uuid, for the tape.
    pub parent_uuid: Option<Uuid>,
    /// The key, unwrapped and tested.
    pub key: Option<(EncryptionKey, Arc<Key>)>,
    /// Compression of the frames.
    pub codec: Codec,
    root: PathBuf,
    retention_days: i64,
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
    let checked = source::check(kind, Path::new(&source.path))?;
    let wanted = request.backup_type.unwrap_or(job.backup_type);
    let parent = match wanted {
        BackupType::Full => None,
        BackupType::Incremental => retention::facts::base_of(&mut conn, job.id)?,
    };
    let backup_type = if parent.is_some() { BackupType::Incremental } else { BackupType::Full };
    if wanted != backup_type {
        context.why(&[
            "This run is a full backup: the job has no completed set that an incremental could build on, or it has expired."
                .into(),
        ])?;
    } else if let Some(parent) = &parent {
        context.why(&[format!(
            "Incremental to set {} of {}: files are sent if they are new or changed since then.",
            parent.id,
            parent.start_time.format("%Y-%m-%d %H:%M UTC")
        )])?;
    }
    let key = match (job.encryption_enabled, job.encryption_key_id) {
        (true, Some(id)) => {
            let key = context.services.keys.for_writing(&mut conn, id)?;
            Some((db::encryption_keys::find(&mut conn, id)?, Arc::new(key)))
        }
        (true, None) => return Err(Error::conflict("no_key", format!("job {} encrypts but names no key", job.name))),
        (false, _) => None,
    };
    let retention_days = i64::from(if job.retention_days > 0 { job.retention_days } else { pool.retention_days });
    Ok(Plan {
        codec: codec_of(&job, &context.services.config.backup),
        parent_uuid: parent.as_ref().and_then(|set| Uuid::parse_str(&set.uuid).ok()),
        parent: parent.map(|set| set.id),
        pool_id: pool.id,
        backup_type,
        key,
        root: checked.root,
        retention_days,
        job,
        source,
    })
}

fn codec_of(job: &Job, defaults: &crate::config::Backup) -> Codec {
    let level = job.compression_level;
    match job.compression {
        Compression::None | Compression::Lto => Codec::None,
        Compression::Gzip => {
            Codec::Gzip { level: level.and_then(|level| u32::try_from(level).ok()).unwrap_or(defaults.gzip_level) }
        }
        Compression::Zstd => Codec::Zstd { level: level.unwrap_or(defaults.zstd_level) },
    }
}

impl Plan {
    /// What the engine has to send.
    pub fn engine_options(&self, context: &Context, warnings: Warnings) -> Result<EngineOptions> {
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
            compressed: self.job.compression != Compression::None,
            compression_type: self.job.compression.to_string(),
            parent_set_id: self.parent,
            ..NewSet::default()
        }
    }

    /// What every part of the set says about it on tape.
    pub fn header(&self, context: &Context, set: &BackupSet) -> SetHeader {
        let config = &context.services.config;
        SetHeader {
            set_id: Some(set.id),
            info: SetInfo {
                uuid: Uuid::parse_str(&set.uuid).unwrap_or_default(),
                job: self.job.name.clone(),
                kind: match self.backup_type {
                    BackupType::Full => SetKind::Full,
                    BackupType::Incremental => SetKind::Incremental,
                },
                parent: self.parent_uuid,
                start: set.start_time.and_utc().timestamp(),
                compression: self.job.compression.to_string(),
            },
            codec: self.codec,
            key: self.key.as_ref().map(|(_, key)| key.clone()),
            block_size: config.tape.block_size,
            spool_dir: config.spool_dir(),
            drive_compression: match self.job.compression {
                Compression::Lto => tape_drive::Compression::On,
                _ => tape_drive::Compression::Off,
            },
        }
    }

    /// When the set may be forgotten; never, if neither the job nor the pool says.
    pub fn expires_at(&self, end: chrono::NaiveDateTime) -> Option<chrono::NaiveDateTime> {
        (self.retention_days > 0).then(|| end + chrono::Duration::days(self.retention_days))
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
