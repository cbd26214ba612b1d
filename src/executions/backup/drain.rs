//! Streams an engine's frames to tape, part after part, until the set is complete.

use super::tape::{OpenTape, next_tape};
use super::write::{SetHeader, Stream, WritePart, part_error};
use super::{AppendAt, feed};
use crate::backup::engine::{Engine, EngineReport, Gone};
use crate::backup::stats::Progress as EngineProgress;
use crate::catalog::commit::CommitPart;
use crate::db::{self, TapeStatus, spanning::NewMember};
use crate::events::{Category, Event};
use crate::executions::context::stopped;
use crate::executions::{Context, Progress};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::atomic::Ordering;
use tape_format::Frame;
use tape_format::part::{PartEnd, PartErrorKind, PartOutcome, TapeState};

/// A set that is completely on tape.
pub struct Drained {
    /// Its parts.
    pub parts: Vec<CommitPart>,
    /// Regular files and hard links.
    pub files: u64,
    /// Content bytes.
    pub bytes: u64,
    /// Paths recorded as gone.
    pub deleted: u64,
    /// Bytes on tape.
    pub stored_bytes: u64,
    /// Hex SHA-256 over its list of files.
    pub checksum: String,
    /// Time and work of each stage.
    pub stats: Value,
    /// The tape it ended on, still held.
    pub last_tape: OpenTape,
}

/// Writes all frames. On the way it changes tapes where one is full. It ends with an error when it is told to stop, when
/// a drive fails, or when no tape can be had; then the tape ends behind its last committed part.
pub fn drain(context: &Context, header: &SetHeader, pool_id: i32, engine: Engine, first: OpenTape) -> Result<Drained> {
    let (feed, feeder) = match header.set_id {
        Some(set_id) => {
            let (feed, feeder) = feed::start(context.services.catalog.clone(), set_id)?;
            (Some(feed), Some(feeder))
        }
        None => (None, None),
    };
    let mut lent = Some(Stream::new(context, feed, Box::new(engine.frames())));
    let watch = engine.watch();
    context.progress.set_probe(Some(Box::new(move |progress| copy(&watch.progress(), progress))));
    let result = parts(context, header, pool_id, first, &engine.gone(), &mut lent);
    context.progress.set_probe(None);
    let mut report = engine.finish();
    let mut gone = 0;
    // the catalog must have stored (or refused) everything before the set is committed or discarded
    if let Some(mut feed) = lent.as_mut().and_then(|stream| stream.feed.take())
        && result.is_ok()
        && let Ok(report) = &mut report
    {
        gone = feed_deleted(&mut feed, report)?;
    }
    let stored = feeder.map_or(Ok(()), feed::Feeder::finish);
    let result = result.map_err(|error| match context.control.stopped() {
        // the engine ends its frames with an error when it is told to stop
        Some(why) if error.code == "source_failed" => stopped(why),
        _ => error,
    });
    let (parts, last_tape) = match (result, &stored) {
        (Err(error), Err(catalog)) if error.code == "internal" => return Err(catalog.clone()),
        (result, _) => result?,
    };
    stored?;
    let report = report?;
    let stream = lent.ok_or_else(|| Error::internal("the stream did not come back from the drive"))?;
    context.log(&format!(
        "{} files, {} bytes; {} paths are gone since the parent; the drive waited for data {} times.",
        stream.files, stream.totals.bytes, gone, report.stats.pauses
    ));
    Ok(Drained {
        parts,
        files: stream.files,
        bytes: stream.totals.bytes,
        deleted: gone,
        stored_bytes: stream.stored_bytes,
        stats: json!(report.stats),
        checksum: stream.checksum(),
        last_tape,
    })
}

/// What the walk and the ring tell, for people.
fn copy(engine: &EngineProgress, progress: &Progress) {
    progress.scanned_files.store(engine.scanned_files, Ordering::Relaxed);
    progress.scanned_bytes.store(engine.scanned_bytes, Ordering::Relaxed);
    progress.files_total.store(engine.selected_files, Ordering::Relaxed);
    progress.bytes_total.store(engine.selected_bytes, Ordering::Relaxed);
    progress.totals_known.store(engine.walk_done, Ordering::Relaxed);
    progress.buffer_percent.store(u64::from(engine.ring_percent), Ordering::Relaxed);
    progress.set_path(engine.current_path.clone());
}

/// Sends the paths that are gone to the catalog; how many they are.
fn feed_deleted(feed: &mut feed::Feed, report: &mut EngineReport) -> Result<u64> {
    let mut count = 0;
    let mut batch = Vec::new();
    for path in report.deleted.by_ref() {
        batch.push(path?);
        count += 1;
        if batch.len() == 10_000 {
            feed.deleted(std::mem::take(&mut batch));
        }
    }
    if !batch.is_empty() {
        feed.deleted(batch);
    }
    Ok(count)
}

fn parts(
    context: &Context,
    header: &SetHeader,
    pool_id: i32,
    first: OpenTape,
    deleted: &Gone,
    stream: &mut Option<Stream>,
) -> Result<(Vec<CommitPart>, OpenTape)> {
    let mut tape = first;
    let mut filled = Vec::new();
    let mut parts: Vec<CommitPart> = Vec::new();
    loop {
        let number = parts.len() as u32 + 1;
        let label = tape.label.label.clone();
        context.phase("streaming", format!("Streaming to tape {label} (part {number})."))?;
        let files_before = files_in(stream);
        let outcome = write(context, header, &tape, number, deleted, stream)?;
        match outcome {
            Written::Part(outcome) => {
                end_of_part(context, &mut tape, &outcome)?;
                note_spanning(context, header, &tape, &outcome, files_before..files_in(stream))?;
                let PartOutcome { layout, end, pending, .. } = *outcome;
                parts.push(CommitPart { tape_id: tape.tape_id, layout });
                match end {
                    PartEnd::SetComplete => return Ok((parts, tape)),
                    PartEnd::Stopped => {
                        context.log(&format!("Stopped at a frame boundary; tape {label} was closed there."));
                        return Err(match context.control.stopped() {
                            Some(why) => stopped(why),
                            None => Error::internal("the stream was stopped because the catalog failed"),
                        });
                    }
                    PartEnd::TapeFull => put_back(stream, pending),
                }
            }
            Written::NoRoom => {
                db::tape_lifecycle::set_status(&mut *context.conn()?, tape.tape_id, TapeStatus::Full)?;
            }
        }
        filled.push(tape.tape_id);
        context.services.bus.publish(
            Event::info(Category::Tape, "Tape Full", format!("Tape {label} is full."))
                .details(json!({"tape_id": tape.tape_id, "execution_id": context.id})),
        );
        context.why(&[format!("Tape {label} is full; the set goes on with the next tape.")])?;
        drop(tape);
        tape = next_tape(context, pool_id, None, &filled)
            .map_err(|error| error.context("the set does not fit on the tapes at hand"))?;
    }
}

fn put_back(stream: &mut Option<Stream>, frames: Vec<Frame>) {
    if let Some(stream) = stream {
        stream.pending = frames;
    }
}

enum Written {
    Part(Box<PartOutcome>),
    NoRoom,
}

/// Writes one part, and makes what the database says of the tape true when that failed.
fn write(
    context: &Context,
    header: &SetHeader,
    tape: &OpenTape,
    number: u32,
    deleted: &Gone,
    stream: &mut Option<Stream>,
) -> Result<Written> {
    db::tape_lifecycle::begin_writing(&mut *context.conn()?, tape.tape_id, &header.info.uuid.to_string())?;
    let lent = stream.take().ok_or_else(|| Error::internal("the stream is with another drive"))?;
    let (result, returned) =
        context.perform(&tape.lease, WritePart::new(header, tape, number, deleted.clone(), lent))?;
    *stream = Some(returned);
    match result? {
        Ok(outcome) => Ok(Written::Part(Box::new(outcome))),
        Err(mut error) => {
            if error.all_pending && matches!(error.kind, PartErrorKind::NoRoom) {
                put_back(stream, std::mem::take(&mut error.pending));
                return Ok(Written::NoRoom);
            }
            if let TapeState::Closed(layout) = &error.tape {
                // it ends behind a part that belongs to no set; the tape itself is fine
                db::tape_lifecycle::part_written(
                    &mut *context.conn()?,
                    tape.tape_id,
                    layout.tape_file as i64 + 2,
                    layout.end_block as i64,
                    layout.stream_bytes as i64,
                )?;
            }
            let described = part_error(&error);
            hold(context, tape, &described)?;
            Err(described)
        }
    }
}

/// Stores where the tape ends now: also for a set that will not be completed, for what is on the tape is on the tape.
fn end_of_part(context: &Context, tape: &mut OpenTape, outcome: &PartOutcome) -> Result<()> {
    let layout = &outcome.layout;
    tape.at = AppendAt { file: layout.tape_file + 2, block: layout.end_block };
    tape.earlier.push(outcome.summary.clone());
    let mut conn = context.conn()?;
    db::tape_lifecycle::part_written(
        &mut conn,
        tape.tape_id,
        tape.at.file as i64,
        tape.at.block as i64,
        (layout.stream_bytes + outcome.toc_bytes) as i64,
    )?;
    if outcome.end == PartEnd::TapeFull {
        db::tape_lifecycle::set_status(&mut conn, tape.tape_id, TapeStatus::Full)?;
    }
    Ok(())
}

fn files_in(stream: &Option<Stream>) -> u64 {
    stream.as_ref().map_or(0, |stream| stream.files)
}

/// Tells of a set in several parts which files are in this one.
fn note_spanning(
    context: &Context,
    header: &SetHeader,
    tape: &OpenTape,
    outcome: &PartOutcome,
    files: Range<u64>,
) -> Result<()> {
    let number = outcome.layout.part_number;
    let Some(set_id) = header.set_id.filter(|_| number > 1 || outcome.end == PartEnd::TapeFull) else { return Ok(()) };
    let member = NewMember {
        tape_id: tape.tape_id,
        sequence_number: number as i32,
        bytes_written: outcome.layout.stream_bytes as i64,
        files_start_index: files.start as i64,
        files_end_index: files.end as i64,
    };
    db::spanning::record(&mut *context.conn()?, set_id, &[member])
}

/// A tape that failed while it was written is not written again before a person has looked at it.
fn hold(context: &Context, tape: &OpenTape, error: &Error) -> Result<()> {
    if matches!(error.code, "medium_error" | "hardware_error" | "deferred_error" | "position_mismatch") {
        let reason = format!("writing failed: {}", error.message);
        db::tape_lifecycle::hold(&mut *context.conn()?, tape.tape_id, &reason)?;
        context.services.bus.publish(
            Event::error(Category::Tape, "Tape On Hold", format!("Tape {}: {reason}", tape.label.label))
                .details(json!({"tape_id": tape.tape_id, "execution_id": context.id})),
        );
    }
    Ok(())
}
