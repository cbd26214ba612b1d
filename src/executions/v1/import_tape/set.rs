//! A set of a tape of version 1 while its files come.

use super::{Data, Importing, WHAT};
use crate::Result;
use crate::db::{self, BackupType, Conn, FormatType, SetStatus, sets::NewSet, sets::SetFilter};
use crate::executions::v1::jobs;
use crate::executions::v1::store::{self, Filling};
use crate::import::{Report, parse_time};
use chrono::NaiveDateTime;
use tape_format::part::FileKind;
use tape_format::v1::TocSet;

/// Sets of a job that are looked at for a parent.
const LOOK_BACK: i64 = 1000;

/// It, and what to call it.
pub struct InProgress<'c> {
    /// Takes the files.
    pub filling: Filling<'c>,
    /// For people.
    pub name: String,
    end_time: Option<NaiveDateTime>,
}

impl<'c> InProgress<'c> {
    /// Begins the set that is in a data file.
    pub fn begin(importing: &Importing<'c>, data: &Data, toc: &TocSet) -> Result<InProgress<'c>> {
        let Importing { context, label, tape, .. } = importing;
        let mut conn = context.conn()?;
        let labelled = db::time::from_unix(label.timestamp).filter(|_| label.timestamp > 0);
        let start_time = parse_time(&toc.start).or(labelled).or(tape.labeled_at).unwrap_or_else(db::now);
        let uuid = name_of(&label.uuid.to_string(), data.file.number, start_time);
        if let Some(leftover) = db::sets::find_by_uuid(&mut conn, &uuid)? {
            store::discard(context, leftover.id)?;
        }
        let job_id = jobs::of_name(&mut conn, &toc.job, tape.pool_id)?;
        let mut backup_type = toc.kind.parse().unwrap_or(BackupType::Full);
        let parent_set_id = match backup_type {
            BackupType::Full => None,
            BackupType::Incremental => parent(&mut conn, job_id, start_time)?,
        };
        if parent_set_id.is_none() && toc.kind.is_empty() {
            backup_type = BackupType::Full;
        }
        let compression = match (&data.file.kind, toc.compression.as_str()) {
            (FileKind::Gzip, _) => "gzip",
            (FileKind::Zstd, _) => "zstd",
            (FileKind::SealedV1(_), word @ ("gzip" | "zstd")) => word,
            _ => "none",
        };
        let new = NewSet {
            uuid,
            job_id,
            tape_id: tape.id,
            backup_type,
            start_time,
            encrypted: matches!(data.file.kind, FileKind::SealedV1(_)),
            encryption_key_id: data.key.as_ref().map(|(id, _)| *id),
            hw_encrypted: toc.hw_encrypted,
            compressed: compression != "none",
            compression_type: compression.into(),
            parent_set_id,
            ..NewSet::default()
        };
        drop(conn);
        let mut filling = Filling::begin(context, &new)?;
        filling.part(tape.id, i64::try_from(data.file.number).unwrap_or(1));
        let name = format!("{}, tape file {}", tape.label, data.file.number);
        Ok(InProgress { filling, name, end_time: parse_time(&toc.end) })
    }

    /// All of it came.
    pub fn finish(self, report: &mut Report) -> Result<()> {
        if self.filling.refused > 0 {
            let reason = format!("{} entries that are no files, or whose paths lead elsewhere", self.filling.refused);
            report.attention(WHAT, &self.name, reason);
        }
        let files = self.filling.entries();
        self.filling.finish(FormatType::Raw, self.end_time)?;
        report.imported(WHAT);
        report.add("files", files);
        Ok(())
    }
}

/// The newest set of a job that began before.
fn parent(conn: &mut Conn, job_id: i32, before: NaiveDateTime) -> Result<Option<i32>> {
    let filter = SetFilter { job_id: Some(job_id), status: Some(SetStatus::Completed), ..SetFilter::default() };
    let sets = db::sets::list(conn, &filter, db::Page::first(LOOK_BACK))?;
    Ok(sets.into_iter().map(|listed| listed.set).find(|set| set.start_time < before).map(|set| set.id))
}

/// The name of a set here: always the same for the same data.
fn name_of(tape: &str, file: u64, start: NaiveDateTime) -> String {
    let mut hash = openssl::sha::Sha256::new();
    hash.update(format!("tape of version 1: {tape} {file} {start}").as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.finish()).for_each(|(to, from)| *to = from);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
