//! Reads a set from its tapes and makes frames of it, comparing everything on the way.

use super::checking;
use super::compress::Pool;
use super::frames::{Maker, Piece};
use super::source::Source;
use super::spool::Sink;
use crate::actors::drive::{DriveTask, Unit};
use crate::executions::tape_change::Refusal;
use crate::executions::{Context, Lease, mount, tape_reading};
use crate::restore::flow::{self, CHUNK, Message, Sending};
use crate::{Error, Result};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tape_drive::{Removal, TapeDrive};
use tape_format::FormatError;
use tape_format::codec::Codec;
use tape_format::crypt::Key;
use tape_format::frame::MAX_FRAME;
use tape_format::part::{PartLayout, PartReader};

/// Runs of tar stream that wait to become frames.
const WAITING: usize = 4;

/// Reads all of a set into `sink`, and gives that back. `lease`: the first tape and its drive, if they are taken already.
///
/// # Errors
/// Whatever keeps the copy from being right; the sink has been told then.
pub fn pump(context: &Context, source: &Source, lease: Option<Lease>, mut sink: Sink) -> Result<Sink> {
    let (pieces, coming) = bounded::<Piece>(WAITING);
    let (messages, checked) = flow::channel();
    let bad = AtomicBool::new(false);
    let bad = &bad;
    let result = std::thread::scope(|scope| {
        let spawn = |name: &str| std::thread::Builder::new().name(format!("{name}-{}", context.id));
        let reader = spawn("read")
            .spawn_scoped(scope, move || context.span.in_scope(|| read(context, source, lease, pieces)))?;
        let check = move || context.span.in_scope(|| checking::check(context, &source.plan, checked, bad));
        let checker = spawn("check").spawn_scoped(scope, check)?;
        let threads = context.services.config.backup.worker_threads();
        let made = make((source, threads), coming, messages, bad, &mut sink);
        let panicked = || Err(Error::internal("a thread of the copy panicked"));
        let read = reader.join().unwrap_or_else(|_| panicked());
        let checked = checker.join().unwrap_or_else(|_| panicked());
        match made {
            // whoever writes has ended, and knows why
            Ok(Made::Unwanted) => Ok(()),
            Ok(Made::All) => read.and(checked),
            Ok(Made::Bad) => checked.and(read),
            Err(error) => Err(error),
        }
    });
    match result {
        Ok(()) => Ok(sink),
        Err(error) => {
            sink.fail(&error);
            Err(error)
        }
    }
}

/// How making frames ended.
enum Made {
    /// Everything that came is made.
    All,
    /// Something is wrong with what came.
    Bad,
    /// Nobody takes them any more.
    Unwanted,
}

fn make(
    (source, threads): (&Source, usize),
    coming: Receiver<Piece>,
    messages: Sending,
    bad: &AtomicBool,
    sink: &mut Sink,
) -> Result<Made> {
    let mut members = source.members.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut maker = Maker::new(&mut members);
    std::thread::scope(|scope| {
        let mut pool = Pool::start(scope, source.codec(), threads)?;
        let begun = messages.send(Message::Begin { run: 0, at: 0 }).is_ok();
        for piece in coming {
            for chunk in piece.bytes.chunks(CHUNK) {
                if !begun || messages.send(Message::Data(chunk.to_vec())).is_err() {
                    return Ok(Made::Bad);
                }
            }
            if bad.load(Ordering::Relaxed) {
                return Ok(Made::Bad);
            }
            if let Some(frame) = pool.push(maker.frame(piece)?)?
                && !sink.push(frame)?
            {
                return Ok(Made::Unwanted);
            }
        }
        while let Some(frame) = pool.pop()? {
            if !sink.push(frame)? {
                return Ok(Made::Unwanted);
            }
        }
        let _ = messages.send(Message::End { run: 0, missing: None });
        Ok(Made::All)
    })
}

impl Source {
    /// How the frames of the original are compressed, and those of the copy will be.
    fn codec(&self) -> Codec {
        let part = self.plan.sets.iter().flat_map(|set| &set.parts).next();
        part.map_or(Codec::None, |part| part.layout.codec)
    }
}

fn read(context: &Context, source: &Source, lease: Option<Lease>, pieces: Sender<Piece>) -> Result<()> {
    let mut held = lease;
    for part in source.plan.sets.iter().flat_map(|set| &set.parts) {
        context.check()?;
        let (lease, label) = match held.take().filter(|lease| lease.tape() == Some(part.tape_id)) {
            Some(lease) => {
                let label = mount::mount(context, &lease, part.tape_id)?;
                (lease, label)
            }
            None => tape_reading::bring_one(context, part.tape_id, None, Refusal::EndsExecution)?,
        };
        context.log(&format!("Reading part {} from tape {}.", part.layout.part_number, label.label));
        let task = ReadPart {
            layout: part.layout.clone(),
            key: source.key.clone(),
            pieces: pieces.clone(),
            stop: context.control.flag(),
        };
        if !context.perform(&lease, task)? {
            break;
        }
        held = Some(lease);
    }
    context.check()
}

/// Reads a part frame by frame.
struct ReadPart {
    layout: Arc<PartLayout>,
    key: Option<Key>,
    pieces: Sender<Piece>,
    stop: Arc<AtomicBool>,
}

impl DriveTask for ReadPart {
    /// `false`: nobody wants more.
    type Output = bool;
    const NAME: &'static str = "read a part";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<bool> {
        drive.set_removal(Removal::Prevented)?;
        let read = self.read(drive);
        let released = drive.set_removal(Removal::Allowed);
        let wanted = read.map_err(Error::from)?;
        released?;
        Ok(wanted)
    }
}

impl ReadPart {
    fn read(&self, drive: &mut dyn TapeDrive) -> Result<bool, FormatError> {
        let mut reader = PartReader::open(drive, &self.layout, self.key.as_ref())?;
        let starts = self.layout.frames.frames.iter().map(|(tar_offset, _)| *tar_offset);
        let ends = starts.clone().skip(1).chain([self.layout.tar_end]);
        for (start, end) in starts.zip(ends) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let length = end.saturating_sub(start);
            if length > MAX_FRAME as u64 {
                let reason = format!("a frame of {length} bytes is longer than any frame");
                return Err(FormatError::Inconsistent { what: "the description of the part", reason });
            }
            let mut bytes = Vec::with_capacity(length as usize);
            reader.read_range(start, end, &mut |piece| {
                bytes.extend_from_slice(piece);
                Ok(())
            })?;
            if self.pieces.send(Piece { tar_offset: start, bytes }).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
