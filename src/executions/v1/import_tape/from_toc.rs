//! Files from the table of contents of a tape.

use super::set::InProgress;
use super::{Importing, WHAT};
use crate::executions::raw_read::stream::{self, FileKey};
use crate::executions::v1::store::V1File;
use crate::import::{Report, parse_time};
use crate::{Error, Result};
use tape_format::FormatError;
use tape_format::part::TapeFile;
use tape_format::v1::{TocFile, TocHead, TocSet, TocSink, read_toc};

/// Takes the sets that it lists, all or none. The inner error is about the table.
pub fn take(importing: &Importing<'_>, toc: &TapeFile, report: &mut Report) -> Result<Result<(), String>> {
    let context = importing.context;
    let mut sink = Sink { importing, report, sets: Vec::new(), index: 0, failed: None };
    let mut read = Ok(TocHead::default());
    let streamed = stream::read(context, importing.lease, toc.first_block, Some(FileKey::Bytes), &mut |bytes| {
        read = read_toc(bytes, &mut sink);
    });
    let Sink { report, sets, failed, .. } = sink;
    let outcome = match (context.check(), failed, streamed, read) {
        (Err(error), ..) | (Ok(()), Some(error), ..) => Err(error),
        (Ok(()), None, Err(error), _) => Ok(Err(error.message)),
        (Ok(()), None, Ok(()), Err(error)) => Ok(Err(error.to_string())),
        (Ok(()), None, Ok(()), Ok(head)) => Ok(Ok(head)),
    };
    let outcome = outcome.map(|read| match sets.is_empty() {
        true => read.and_then(|_| Err("it lists no set whose data is on the tape".into())),
        false => read,
    });
    let head = match outcome {
        Ok(Ok(head)) => head,
        other => {
            // nothing of a table that is damaged counts
            for (set, _) in sets.into_iter().flatten() {
                set.filling.give_up()?;
            }
            return other.map(|read| read.map(drop));
        }
    };
    for (set, promised) in sets.into_iter().flatten() {
        let listed = i64::try_from(set.filling.entries()).unwrap_or(i64::MAX);
        if listed < promised {
            let reason = format!("its table of contents promises {promised} files and lists {listed}");
            report.attention(WHAT, &set.name, reason);
        }
        set.finish(report)?;
    }
    if head.sequence > 0 {
        let reason = format!("it is tape {} of a backup over several tapes: import the others too", head.sequence);
        report.attention("tapes", &importing.tape.label, reason);
    }
    Ok(Ok(()))
}

/// Takes what the table lists, while the drive reads it.
struct Sink<'a, 'c> {
    importing: &'a Importing<'c>,
    report: &'a mut Report,
    /// The sets, with the number of files that each promises; none where there is no data for one.
    sets: Vec<Option<(InProgress<'c>, i64)>>,
    index: usize,
    failed: Option<Error>,
}

impl Sink<'_, '_> {
    fn keep<T>(&mut self, result: Result<T>) -> Result<T, FormatError> {
        result.map_err(|error| {
            let text = error.message.clone();
            self.failed = Some(error);
            FormatError::Source(text)
        })
    }
}

impl TocSink for Sink<'_, '_> {
    fn set(&mut self, _: &TocHead, set: &TocSet) -> Result<(), FormatError> {
        let importing = self.importing;
        let numbered = importing.data.iter().find(|data| data.file.number == set.file_number);
        let data = numbered.or_else(|| importing.data.get(self.index));
        self.index += 1;
        let begun = match data {
            Some(data) => {
                let begun = InProgress::begin(importing, data, set);
                Some((self.keep(begun)?, set.file_count))
            }
            None => {
                let name = format!("{}, {}", importing.tape.label, set.job);
                self.report.skipped(WHAT, &name, "the table of contents lists it, but its data is not on the tape");
                None
            }
        };
        self.sets.push(begun);
        Ok(())
    }

    fn file(&mut self, file: TocFile) -> Result<(), FormatError> {
        let Some(Some((set, _))) = self.sets.last_mut() else { return Ok(()) };
        let mtime = parse_time(&file.mtime).and_then(|time| time.and_utc().timestamp_nanos_opt());
        let file = V1File {
            path: file.path.into_bytes(),
            size: file.size,
            mode: file.mode,
            mtime_ns: mtime.unwrap_or_default(),
            checksum: file.checksum,
        };
        let taken = set.filling.file(&file);
        self.keep(taken)
    }
}
