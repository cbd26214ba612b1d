//! Streams an engine's frames to tape, part after part, until the set is complete.

use super::resume::{self, Place};
use super::tape::{OpenTape, next_tape};
use super::write::{Deleted, SetHeader, Start, Stream, WritePart, part_error};
use super::{AppendAt, feed};
use crate::backup::engine::{Engine, Watch};
use crate::catalog::commit::CommitPart;
use crate::catalog::spanning::{self, Rest};
use crate::db::{self, TapeStatus};
use crate::events::{Bus, Category, Event};
use crate::executions::context::stopped;
use crate::executions::{Context, Log, Progress, Stages};
use crate::{Error, Result};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tape_format::part::{PartEnd, PartErrorKind, PartLayout, PartOutcome, TapeState};
use tape_format::toc::Totals;
use tape_format::{Frame, FrameSource};

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
    /// Hex SHA-256 over its list of files.
    pub checksum: String,
    /// Time and work of each stage.
    pub stages: Stages,
}

/// Writes all frames; returns the tape it ended on, still held. On the way it changes tapes where one is full. It ends with an error when it is told to stop, when
/// a drive fails, or when no tape can be had; then the tape ends behind its last committed part.
pub fn drain(
    context: &Context,
    header: &SetHeader,
    pool_id: i32,
    engine: Engine,
    first: OpenTape,
    start: Start,
) -> Result<(Drained, OpenTape)> {
    let (feed, feeder) = match header.set_id {
        Some(set_id) => {
            let (feed, feeder) = feed::start(context.services.catalog.clone(), set_id, context.progress.clone())?;
            (Some(feed), Some(feeder))
        }
        None => (None, None),
    };
    let done = start.parts;
    let mut lent = Some(Stream::new(context, start, feed, Box::new(engine.frames())));
    let watch = engine.watch();
    let (lines, bus, execution) = (context.lines.clone(), context.services.bus.clone(), context.id);
    context.progress.set_probe(Some(Box::new(move |progress| {
        copy(&watch, progress);
        tell_silent(&watch, &lines, &bus, execution);
    })));
    let set = Writing { context, header, deleted: Arc::new(engine.gone()), done };
    let result = set.parts(pool_id, first, &mut lent);
    context.progress.set_probe(None);
    let last = engine.progress();
    let scanned = (last.scanned_files, last.scanned_bytes);
    let report = engine.finish();
    // the catalog must have stored (or refused) everything before the set is committed or discarded
    drop(lent.as_mut().and_then(|stream| stream.feed.take()));
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
        stream.tally.files, stream.tally.totals.bytes, last.deleted, report.stats.pauses
    ));
    let drained = Drained {
        parts,
        files: stream.tally.files,
        bytes: stream.tally.totals.bytes,
        deleted: last.deleted,
        stages: Stages::new(&report.stats, scanned, &context.progress.tape),
        checksum: stream.checksum(),
    };
    Ok((drained, last_tape))
}

/// Writes the frames of a set that was written before, which others read; `gone` are the paths it recorded as gone.
/// Returns the tape it ended on, still held.
pub fn write_frames(
    context: &Context,
    header: &SetHeader,
    pool_id: i32,
    frames: Box<dyn FrameSource>,
    gone: Vec<Vec<u8>>,
    first: OpenTape,
) -> Result<OpenTape> {
    let set_id = header.set_id.ok_or_else(|| Error::internal("frames are copied to a set without a row"))?;
    let (feed, feeder) = feed::start(context.services.catalog.clone(), set_id, context.progress.clone())?;
    let mut lent = Some(Stream::new(context, Start::default(), Some(feed), frames));
    let set = Writing { context, header, deleted: Arc::new(gone), done: 0 };
    let result = set.parts(pool_id, first, &mut lent);
    // so that whoever reads notices, and the feeder has everything
    drop(lent);
    let stored = feeder.finish();
    let result = result.map_err(|error| match context.control.stopped() {
        Some(why) if error.code == "source_failed" => stopped(why),
        _ => error,
    });
    let (_, last_tape) = match (result, &stored) {
        (Err(error), Err(catalog)) if error.code == "internal" => return Err(catalog.clone()),
        (result, _) => result?,
    };
    stored.map(|()| last_tape)
}

/// How long a file may be read without any answer before people are told.
const SILENCE: Duration = Duration::from_secs(60);

/// Tells of files whose disk or server does not answer: the run waits for them, for they may come back.
fn tell_silent(watch: &Watch, lines: &Log, bus: &Bus, execution: i32) {
    for path in watch.silent(SILENCE) {
        let path = tape_format::path_text::to_text(&path);
        let message = format!(
            "Reading {path} has not returned for a minute: the disk or server that it is on does not answer. The run waits \
             for it; look at the mount, or cancel the run."
        );
        lines.info(&message);
        bus.publish(
            Event::warning(Category::Job, "Source Silent", message)
                .details(json!({"execution_id": execution, "path": path})),
        );
    }
}

/// What the walk and the ring tell, for people.
fn copy(watch: &Watch, progress: &Progress) {
    let engine = watch.progress();
    let scanned = (engine.scanned_files, engine.scanned_bytes);
    let stats = watch.stats();
    progress.set_stages(Stages::new(&stats, scanned, &progress.tape));
    progress.starvations.store(stats.pauses, Ordering::Relaxed);
    progress.scanned_files.store(engine.scanned_files, Ordering::Relaxed);
    progress.scanned_bytes.store(engine.scanned_bytes, Ordering::Relaxed);
    progress.files_total.store(engine.selected_files, Ordering::Relaxed);
    progress.bytes_total.store(engine.selected_bytes, Ordering::Relaxed);
    progress.totals_known.store(engine.walk_done, Ordering::Relaxed);
    progress.buffer_percent.store(u64::from(engine.ring_percent), Ordering::Relaxed);
    progress.set_path(engine.current_path.clone());
}

/// A set on its way to tape.
struct Writing<'a> {
    context: &'a Context,
    header: &'a SetHeader,
    /// Paths that are gone.
    deleted: Deleted,
    /// Parts that were on tape before.
    done: u32,
}

enum Written {
    Part(Box<PartOutcome>),
    NoRoom,
}

impl Writing<'_> {
    fn parts(&self, pool_id: i32, first: OpenTape, stream: &mut Option<Stream>) -> Result<(Vec<CommitPart>, OpenTape)> {
        let context = self.context;
        let mut tape = first;
        let mut filled = Vec::new();
        let mut parts: Vec<CommitPart> = Vec::new();
        loop {
            let number = self.done + parts.len() as u32 + 1;
            let label = tape.label.label.clone();
            context.phase("streaming", format!("Streaming to tape {label} (part {number})."))?;
            match self.write(&tape, number, stream)? {
                Written::Part(outcome) => {
                    self.end_of_part(&mut tape, &outcome, stream)?;
                    let totals = outcome.totals();
                    let PartOutcome { layout, end, pending, .. } = *outcome;
                    parts.push(CommitPart { tape_id: tape.tape_id, layout, totals });
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
                // an empty one is not full because nothing fits
                Written::NoRoom if tape.earlier.is_empty() && tape.at.file == 1 => {
                    return Err(Error::conflict(
                        "tape_too_small",
                        format!(
                            "tape {label} is empty, and still has no room for one frame of a backup set (8 MiB) and its table of \
                             contents: put larger tapes into the pool"
                        ),
                    ));
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

    /// Writes one part, and makes what the database says of the tape true when that failed.
    fn write(&self, tape: &OpenTape, number: u32, stream: &mut Option<Stream>) -> Result<Written> {
        let context = self.context;
        {
            let mut conn = context.conn()?;
            db::tape_lifecycle::begin_writing(&mut conn, tape.tape_id, &self.header.info.uuid.to_string())?;
            if let Some(set_id) = self.header.set_id {
                db::checkpoints::part_begins(&mut conn, set_id, tape.tape_id)?;
            }
        }
        let lent = stream.take().ok_or_else(|| Error::internal("the stream is with another drive"))?;
        let before = lent.tally.totals;
        let task = WritePart::new(self.header, tape, number, self.deleted.clone(), lent);
        let (result, returned) = context.perform(&tape.lease, task)?;
        *stream = Some(returned);
        match result? {
            Ok(outcome) => {
                self.encrypted_by_hand(tape)?;
                Ok(Written::Part(Box::new(outcome)))
            }
            Err(mut error) => {
                if error.all_pending && matches!(error.kind, PartErrorKind::NoRoom) {
                    put_back(stream, std::mem::take(&mut error.pending));
                    return Ok(Written::NoRoom);
                }
                if let TapeState::Closed(layout) = &error.tape {
                    self.encrypted_by_hand(tape)?;
                    let place = Place {
                        tar_end: layout.tar_end,
                        goes_on: error.goes_on.take().map(|goes_on| *goes_on),
                        complete: false,
                    };
                    let all = stream.as_ref().map(|stream| stream.tally.totals).unwrap_or_default();
                    self.closed(tape.tape_id, (layout, all - before), 0, place, stream)?;
                }
                let described = part_error(&error);
                hold(context, tape, &described)?;
                Err(described)
            }
        }
    }

    /// A part that was written under a key that a person gave the drive needs that key to be read.
    fn encrypted_by_hand(&self, tape: &OpenTape) -> Result<()> {
        match (self.header.set_id, &self.header.drive_key, tape.standing_key) {
            (Some(set_id), None, Some(key)) => {
                db::encryption_keys::used_by_drive(&mut *self.context.conn()?, set_id, key)?;
                self.context.log("The drive encrypted this part with the key that a person gave it.");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Stores where the tape ends now: also for a set that will not be completed, for what is on the tape is on the tape.
    fn end_of_part(&self, tape: &mut OpenTape, outcome: &PartOutcome, stream: &mut Option<Stream>) -> Result<()> {
        let layout = &outcome.layout;
        tape.at = AppendAt { file: layout.tape_file + 2, block: layout.end_block };
        tape.earlier.push(outcome.summary.clone());
        let complete = outcome.end == PartEnd::SetComplete;
        if complete && let Some(feed) = stream.as_mut().and_then(|stream| stream.feed.as_mut()) {
            // before the part counts, for a run that is cut off behind it will not read the source again
            self.deleted.for_each(&mut |path| {
                feed.gone(path.to_vec());
                Ok(())
            })?;
        }
        let place = Place { tar_end: layout.tar_end, goes_on: outcome.goes_on.clone(), complete };
        self.closed(tape.tape_id, (layout, outcome.totals()), outcome.toc_bytes, place, stream)?;
        if outcome.end == PartEnd::TapeFull {
            let mut conn = self.context.conn()?;
            db::tape_lifecycle::set_status(&mut conn, tape.tape_id, TapeStatus::Full)?;
            if let Some(set_id) = self.header.set_id {
                spanning::tell(&mut conn, set_id, Rest::MoreParts)?;
            }
        }
        Ok(())
    }

    /// A part is closed; its members are in the catalog before it counts.
    fn closed(
        &self,
        tape_id: i32,
        (layout, totals): (&PartLayout, Totals),
        toc_bytes: u64,
        place: Place,
        stream: &mut Option<Stream>,
    ) -> Result<()> {
        if let Some(feed) = stream.as_mut().and_then(|stream| stream.feed.as_mut()) {
            feed.settle()?;
        }
        let mut conn = self.context.conn()?;
        match self.header.set_id {
            Some(set_id) => resume::part_closed(&mut conn, set_id, tape_id, (layout, totals), toc_bytes, &place),
            None => resume::tape_ends(&mut conn, tape_id, layout, toc_bytes),
        }
    }
}

fn put_back(stream: &mut Option<Stream>, frames: Vec<Frame>) {
    if let Some(stream) = stream {
        stream.pending = frames;
    }
}

/// A tape that failed while it was written is not written again before a person has looked at it; one that ended
/// without warning is full.
fn hold(context: &Context, tape: &OpenTape, error: &Error) -> Result<()> {
    if error.code == "tape_full" {
        db::tape_lifecycle::set_status(&mut *context.conn()?, tape.tape_id, TapeStatus::Full)?;
    }
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
