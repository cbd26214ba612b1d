//! The files of one set: restored, read back, compared.

use crate::executions::{Context, tape_reading};
use crate::restore::extract::Extractor;
use crate::restore::members::Handler;
use crate::restore::metadata::Trust;
use crate::restore::plan::{Item, Piece};
use crate::restore::select::Selected;
use crate::restore::{ExistingPolicy, Failed};
use crate::{Error, ErrorKind, Result, db};
use openssl::sha::Sha256;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use tape_format::path_text::to_text;
use tape_format::{Member, MemberKind};

/// Bytes of a source that are read at a time.
const BUFFER: usize = 1 << 20;

/// What came of a file.
pub struct Outcome {
    /// Its set.
    pub set_id: i32,
    /// Name of the set's job.
    pub job: String,
    /// Its path, as text.
    pub path: String,
    /// Content bytes.
    pub bytes: u64,
    /// Why it is not as the catalog says.
    pub error: Option<String>,
    /// `same`: as its source is now. None: the source is gone, or has changed since.
    pub source: Option<&'static str>,
}

impl Outcome {
    /// For the result.
    pub fn to_json(&self) -> Value {
        json!({
            "backup_set_id": self.set_id, "job": self.job, "path": self.path, "bytes": self.bytes,
            "ok": self.error.is_none(), "error": self.error, "source": self.source,
        })
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (set {}): {}", self.path, self.set_id, self.error.as_deref().unwrap_or("as it should be"))
    }
}

/// Restores the files of a set.
pub struct Rehearsal<'a> {
    context: &'a Context,
    set_id: i32,
    job: String,
    source: PathBuf,
    extractor: Extractor,
    failed: HashMap<Box<[u8]>, String>,
}

impl Handler for Rehearsal<'_> {
    fn member(&mut self, item: &Item, member: &Member, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&item.path).into_owned());
        if member.kind != item.kind {
            let (tape, catalog) = (member.kind.as_str(), item.kind.as_str());
            return Err(Failed::Member(format!("on tape it is a {tape}, but the catalog says {catalog}")));
        }
        self.extractor.extract(&item.path, member, item.expected().as_ref(), data)?;
        self.extractor.take_notes();
        self.context.progress.files.fetch_add(1, Ordering::Relaxed);
        self.context.progress.bytes.fetch_add(item.size, Ordering::Relaxed);
        Ok(())
    }

    fn piece(&mut self, piece: &Piece, data: &mut dyn Read) -> Result<(), Failed> {
        self.context.progress.set_path(to_text(&piece.item.path).into_owned());
        if self.extractor.piece(piece, data)?.is_some() {
            self.extractor.take_notes();
            self.context.progress.files.fetch_add(1, Ordering::Relaxed);
            self.context.progress.bytes.fetch_add(piece.item.size, Ordering::Relaxed);
        }
        Ok(())
    }

    fn failed(&mut self, item: &Item, why: &str) {
        self.extractor.abandon(&item.path);
        self.failed.insert(item.path.clone(), why.into());
    }

    fn check(&mut self) -> Result<()> {
        self.context.check()
    }
}

impl<'a> Rehearsal<'a> {
    /// Into this folder.
    pub fn new(context: &'a Context, set_id: i32, folder: &Path) -> Result<Rehearsal<'a>> {
        let mut conn = context.conn()?;
        let set = db::sets::find(&mut conn, set_id)?;
        let job = db::jobs::find(&mut conn, set.job_id)?;
        let source = db::sources::find(&mut conn, job.source_id)?.path;
        let extractor =
            Extractor::new(folder, ExistingPolicy::Overwrite, Trust::Own, context.control.flag()).map_err(|error| {
                let message = format!("{}: {error}", folder.display());
                Error::new(ErrorKind::Unprocessable, "destination_failed", message)
            })?;
        Ok(Rehearsal { context, set_id, job: job.name, source: source.into(), extractor, failed: HashMap::new() })
    }

    /// Restores and compares.
    pub fn run(mut self, selected: &Selected) -> Result<Vec<Outcome>> {
        let context = self.context;
        tape_reading::read(context, &selected.plan, None, &mut self, &|_, _| Ok(()))?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        for path in &selected.missing {
            outcomes.push(self.outcome(path.clone(), 0, Some("the catalog does not have it any more".into()), None));
        }
        for (path, why) in &selected.broken {
            outcomes.push(self.outcome(path.clone(), 0, Some(why.clone()), None));
        }
        for item in selected.plan.items.iter() {
            context.check()?;
            let item = &*item?;
            if item.kind != MemberKind::File {
                continue;
            }
            let error = match self.failed.remove(&item.path) {
                Some(why) => Some(why),
                None => self.read_back(item),
            };
            let source = if error.is_none() { self.compare_source(item)? } else { None };
            outcomes.push(self.outcome(to_text(&item.path).into_owned(), item.size, error, source));
        }
        for outcome in &outcomes {
            match &outcome.error {
                Some(why) => context.warn(Some(&outcome.path), why),
                None => context.log(&format!("{}: as the catalog says.", outcome.path)),
            }
        }
        Ok(outcomes)
    }

    fn outcome(&self, path: String, bytes: u64, error: Option<String>, source: Option<&'static str>) -> Outcome {
        Outcome { set_id: self.set_id, job: self.job.clone(), path, bytes, error, source }
    }

    /// Why what is on the disk now is not what it should be.
    fn read_back(&mut self, item: &Item) -> Option<String> {
        let expected = item.expected()?;
        match self.extractor.read_back(&item.path) {
            Ok((size, sha256)) if size == expected.size && sha256 == expected.sha256 => None,
            Ok(_) => Some("read back from data_dir it is not what was restored: check that disk".into()),
            Err(Failed::Member(why) | Failed::Destination(why)) => Some(why),
            Err(Failed::Source(error)) => Some(error.to_string()),
        }
    }

    /// Compares with the source, if size and time say that it is what was backed up. One that differs all the same is a
    /// warning: then it is the source that nobody should trust.
    fn compare_source(&self, item: &Item) -> Result<Option<&'static str>> {
        if self.source.as_os_str().is_empty() {
            return Ok(None);
        }
        let path = self.source.join(OsStr::from_bytes(&item.path));
        let unchanged = path.symlink_metadata().is_ok_and(|found| {
            let mtime = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
            found.is_file() && found.len() == item.size && mtime == i128::from(item.mtime_ns)
        });
        if !unchanged {
            return Ok(None);
        }
        let Ok(found) = self.hash(&path)? else { return Ok(None) };
        if item.sha256 == Some(found) {
            return Ok(Some("same"));
        }
        self.context.warn(
            Some(&to_text(&item.path)),
            "the backup is as the catalog says, but its source differs although its size and time are the same: the \
             source may be damaged",
        );
        Ok(Some("differs"))
    }

    fn hash(&self, path: &Path) -> Result<std::io::Result<[u8; 32]>> {
        let mut file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let (mut sum, mut buffer) = (Sha256::new(), vec![0; BUFFER]);
        loop {
            self.context.check()?;
            match file.read(&mut buffer) {
                Ok(0) => return Ok(Ok(sum.finish())),
                Ok(length) => sum.update(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Ok(Err(error)),
            }
        }
    }
}
