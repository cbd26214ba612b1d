//! Streams an engine's frames to tape, part after part, until the set is complete.

use super::tape::{OpenTape, next_tape};
use super::write::{SetHeader, Stream, Totals, WritePart, part_of};
use super::{AppendAt, feed, note_tape_end};
use crate::backup::engine::Engine;
use crate::catalog::commit::{CommitPart, TapeEnd};
use crate::db::{self, TapeStatus};
use crate::events::{Category, Event};
use crate::executions::Context;
use crate::executions::context::stopped;
use crate::{Error, Result};
use serde_json::{Value, json};
use tape_format::part::PartEnd;

/// A set that is completely on tape.
pub struct Drained {
    /// Its parts.
    pub parts: Vec<CommitPart>,
    /// Files and bytes.
    pub totals: Totals,
    /// Paths recorded as gone.
    pub deleted: u64,
    /// Bytes on tape.
    pub stored_bytes: u64,
    /// Time and work of each stage.
    pub stats: Value,
    /// The tape it ended on, still held.
    pub last_tape: OpenTape,
}

/// Writes all frames. On the way it changes tapes where one is full; it ends with an error when it is told to stop, when
/// a drive fails, or when no tape can be had, and then the tape ends behind its last committed part.
pub fn drain(
    context: &Context,
    header: &SetHeader,
    pool_id: i32,
    mut engine: Engine,
    first: OpenTape,
) -> Result<Drained> {
    let (feed, feeder) = feed::start(context.services.catalog.clone(), header.set_id)?;
    let mut stream = Stream::new(context, feed, engine.frames(), engine.progress());
    let mut tape = first;
    let mut filled = Vec::new();
    let mut parts: Vec<CommitPart> = Vec::new();
    let mut deleted = 0;
    loop {
        let number = parts.len() as u32 + 1;
        let place = format!("tape {} (part {number})", tape.label.label);
        context.phase("streaming", format!("Streaming to {place}."))?;
        let deletions = engine.deletions();
        let (result, returned) =
            context.perform(&tape.lease, WritePart::new(header, &tape, number, deletions, stream))?;
        stream = returned;
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(error) => {
                engine.cancel();
                hold(context, &tape, &error)?;
                return Err(error);
            }
        };
        let status = match outcome.end {
            PartEnd::TapeFull => TapeStatus::Full,
            PartEnd::SetComplete | PartEnd::Stopped => TapeStatus::Active,
        };
        let end = TapeEnd {
            tape_id: tape.tape_id,
            end_file: outcome.layout.tape_file as i64 + 2,
            end_block: outcome.layout.end_block as i64,
            added_bytes: outcome.tape_bytes as i64,
            status,
        };
        // also of a set that will not be completed: what is on the tape is on the tape
        note_tape_end(context, &end)?;
        tape.at = AppendAt { file: end.end_file as u64, block: end.end_block as u64 };
        parts.push(part_of(&tape, &outcome.layout)?);
        match outcome.end {
            PartEnd::SetComplete => {
                let report = engine.finish()?;
                for batch in report.deleted.batches() {
                    let batch = batch?;
                    deleted += batch.len() as u64;
                    stream.feed.deleted(batch);
                }
                context.log(&format!(
                    "{} files, {} bytes; {} paths are gone since the parent; the drive waited for data {} times.",
                    stream.totals.files, stream.totals.bytes, deleted, report.stats.starvations
                ));
                let stats = json!(report.stats);
                let totals = stream.close();
                feeder.finish()?;
                let stored_bytes = parts.iter().map(|part| part.layout.stream_bytes).sum();
                return Ok(Drained { parts, totals, deleted, stored_bytes, stats, last_tape: tape });
            }
            PartEnd::Stopped => {
                engine.cancel();
                drop(stream);
                let catalog = feeder.finish();
                context.log(&format!("Stopped at a frame boundary; {place} was closed and can be appended to."));
                catalog?;
                return Err(match context.control.stopped() {
                    Some(why) => stopped(why),
                    None => Error::internal("the stream was stopped without a reason"),
                });
            }
            PartEnd::TapeFull => {
                stream.put_back(outcome.pending);
                filled.push(tape.tape_id);
                context.services.bus.publish(
                    Event::info(Category::Tape, "Tape Full", format!("Tape {} is full.", tape.label.label))
                        .details(json!({"tape_id": tape.tape_id, "execution_id": context.id})),
                );
                context.why(&[format!("Tape {} is full; the set goes on with the next tape.", tape.label.label)])?;
                drop(tape);
                tape = match next_tape(context, pool_id, None, &filled) {
                    Ok(tape) => tape,
                    Err(error) => {
                        engine.cancel();
                        return Err(error.context("the set does not fit on the tapes at hand"));
                    }
                };
            }
        }
    }
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
