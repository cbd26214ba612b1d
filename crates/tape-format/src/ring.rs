//! The buffer between the threads that make frames and the one that writes them: bounded, in order, with watermarks.
//!
//! **A ticket is a buffer.** Whoever wants to make a frame takes a [`Ticket`]: the next number in the order of the set
//! and a buffer of [`MAX_FRAME`] bytes, both at once. So the oldest numbers always have their memory, somebody can
//! always go on, and the ring cannot lock up however the makers race each other. The sum of all buffers stays
//! below the size of the ring; only the frames that the reader holds in its hands are not counted.
//!
//! **Watermarks.** A tape that starves stops, goes back and starts again, which costs seconds and wears it. So the
//! reader gets nothing until the ring is filled to the start mark, and when it falls below the pause mark while frames
//! are still being made, the reader is held back until it is filled again.
//!
//! Buffers come back last in, first out, so that a small set stays in the processor's cache.

use crate::frame::MAX_FRAME;
use crate::{FormatError, Frame, FrameSource, Result};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How often waiting threads look whether they were cancelled.
const CANCEL_CHECK: Duration = Duration::from_millis(50);
/// Memory that the record of one member takes, roughly; a ring of tiny files is bounded by these.
const RECORD_BYTES: usize = 400;
/// What a buffer is allocated with: a frame, and what compression may add to incompressible data.
const CAPACITY: usize = MAX_FRAME + (MAX_FRAME >> 6);
/// The kernel gives memory in pieces of this size where it can.
const HUGE_PAGE: usize = 2 << 20;
/// Fewest buffers: one is written, one is ready, two are filled.
const MIN_BUFFERS: usize = 4;

/// Size and watermarks of a ring.
#[derive(Debug, Clone)]
pub struct RingOptions {
    /// Memory in bytes for all frames, at least 32 MiB.
    pub bytes: usize,
    /// The reader starts when this share of it is filled, in percent.
    pub start_percent: u8,
    /// The reader pauses when less than this share is filled, in percent; 0: never.
    pub pause_percent: u8,
    /// Ends everything when set.
    pub cancel: Arc<AtomicBool>,
    /// Where in the set's tar stream the first frame begins: not 0 if a set goes on.
    pub tar_start: u64,
}

impl RingOptions {
    /// A ring of `bytes` with the usual marks: start at 90 %, pause below 10 %.
    pub fn new(bytes: usize, cancel: Arc<AtomicBool>) -> RingOptions {
        RingOptions { bytes, start_percent: 90, pause_percent: 10, cancel, tar_start: 0 }
    }
}

/// What a ring has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RingStats {
    /// Times the reader was held back because the ring was nearly empty; the start is not counted.
    pub pauses: u64,
    /// How long the reader waited, in all, for frames or for the start mark.
    pub starved: Duration,
    /// How long makers waited for room, in all.
    pub waited_for_room: Duration,
    /// Bytes of frames that are ready.
    pub ready_bytes: u64,
    /// Share of the ring that is filled, in percent.
    pub filled_percent: u8,
    /// Bytes of tar stream drawn so far.
    pub drawn_tar_bytes: u64,
}

struct Slot {
    frames: VecDeque<Frame>,
    charge: usize,
}

struct State {
    /// Number of the next ticket.
    next_ticket: u64,
    /// Number of the slot the reader is at.
    next_slot: u64,
    slots: BTreeMap<u64, Slot>,
    free: Vec<Vec<u8>>,
    /// How much of a buffer's memory was ever used, and so is really there, by the buffer's address.
    touched: HashMap<usize, usize>,
    /// Memory that is spoken for: free buffers by what was touched, tickets by a full frame, slots by their charge.
    charged: usize,
    /// The part of `charged` that is in slots.
    ready: usize,
    waiting_for_room: usize,
    /// No more tickets will be taken.
    finished: bool,
    /// The reader is gone: nobody will draw frames any more.
    abandoned: bool,
    failure: Option<String>,
    /// The reader draws; otherwise it waits for the start mark.
    flowing: bool,
    started: bool,
    tar_offset: u64,
    pauses: u64,
    starved: Duration,
    waited_for_room: Duration,
}

struct Shared {
    options: RingOptions,
    state: Mutex<State>,
    room: Condvar,
    ready: Condvar,
}

/// The makers' side; cheap to clone.
#[derive(Clone)]
pub struct Ring(Arc<Shared>);

/// The right, and the duty, to deliver the frames of one place in the order.
///
/// Dropping it without delivering fails the set, so that a maker that dies is noticed.
pub struct Ticket {
    ring: Ring,
    number: u64,
    buffer: Option<Vec<u8>>,
}

/// The writer's side.
pub struct RingReader {
    ring: Ring,
    drawn: VecDeque<Frame>,
}

impl Ring {
    /// An empty ring.
    pub fn new(mut options: RingOptions) -> Ring {
        options.bytes = options.bytes.max(MIN_BUFFERS * MAX_FRAME);
        options.start_percent = options.start_percent.min(100);
        let state = State {
            next_ticket: 0,
            next_slot: 0,
            slots: BTreeMap::new(),
            free: Vec::new(),
            touched: HashMap::new(),
            charged: 0,
            ready: 0,
            waiting_for_room: 0,
            finished: false,
            abandoned: false,
            failure: None,
            flowing: false,
            started: false,
            tar_offset: options.tar_start,
            pauses: 0,
            starved: Duration::ZERO,
            waited_for_room: Duration::ZERO,
        };
        Ring(Arc::new(Shared { options, state: Mutex::new(state), room: Condvar::new(), ready: Condvar::new() }))
    }

    /// The next place in the order, with a buffer; waits for room. `None`: stop, for the set was cancelled, has failed,
    /// or nobody reads it any more.
    pub fn ticket(&self) -> Option<Ticket> {
        let mut state = self.lock();
        let begin = Instant::now();
        let mut waited = false;
        loop {
            if state.failure.is_some() || state.abandoned || self.is_cancelled() {
                return None;
            }
            if let Some(buffer) = state.take_buffer(self.0.options.bytes) {
                if waited {
                    state.waited_for_room += begin.elapsed();
                }
                let number = state.next_ticket;
                state.next_ticket += 1;
                drop(state);
                return Some(Ticket { ring: self.clone(), number, buffer: Some(prepared(buffer)) });
            }
            waited = true;
            state.waiting_for_room += 1;
            // A reader that waits for the start mark must go when the ring cannot be filled any further.
            self.0.ready.notify_all();
            state = wait(&self.0.room, state);
            state.waiting_for_room -= 1;
        }
    }

    /// No more tickets will be taken: the set is complete when the last one is delivered.
    pub fn finish(&self) {
        self.lock().finished = true;
        self.0.ready.notify_all();
    }

    /// The set has failed; the reader gets `reason` as its error. The first reason stays.
    pub fn fail(&self, reason: impl Into<String>) {
        self.lock().failure.get_or_insert(reason.into());
        self.0.ready.notify_all();
        self.0.room.notify_all();
    }

    /// Nobody will draw frames any more: makers stop.
    pub fn abandon(&self) {
        self.lock().abandoned = true;
        self.0.ready.notify_all();
        self.0.room.notify_all();
    }

    /// No frame that is still being made will be drawn: the set was cancelled, has failed, or nobody reads it.
    pub fn is_stopped(&self) -> bool {
        let state = self.lock();
        state.failure.is_some() || state.abandoned || self.is_cancelled()
    }

    /// The writer's side. Only one reader may draw at a time.
    pub fn reader(&self) -> RingReader {
        RingReader { ring: self.clone(), drawn: VecDeque::new() }
    }

    /// All frames were delivered and drawn.
    pub fn is_drained(&self) -> bool {
        let state = self.lock();
        state.finished && state.failure.is_none() && state.next_slot == state.next_ticket
    }

    /// Counters.
    pub fn stats(&self) -> RingStats {
        let state = self.lock();
        RingStats {
            pauses: state.pauses,
            starved: state.starved,
            waited_for_room: state.waited_for_room,
            ready_bytes: state.ready as u64,
            filled_percent: (state.ready.saturating_mul(100) / self.0.options.bytes).min(100) as u8,
            drawn_tar_bytes: state.tar_offset.saturating_sub(self.0.options.tar_start),
        }
    }

    fn is_cancelled(&self) -> bool {
        self.0.options.cancel.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn deliver(&self, number: u64, unused: Vec<u8>, frames: VecDeque<Frame>) {
        let mut state = self.lock();
        let charge = frames.iter().map(|frame| state.note(&frame.data) + frame.members.len() * RECORD_BYTES).sum();
        state.charged = state.charged.saturating_sub(MAX_FRAME) + charge;
        state.ready += charge;
        state.put_back(unused);
        state.slots.insert(number, Slot { frames, charge });
        drop(state);
        self.0.ready.notify_all();
        self.0.room.notify_one();
    }

    /// The frames of the next slot, when there are any and the watermarks let them go.
    fn draw(&self) -> Result<Option<VecDeque<Frame>>> {
        let mut state = self.lock();
        let begin = Instant::now();
        let mut waited = false;
        loop {
            if let Some(reason) = &state.failure {
                return Err(FormatError::Source(reason.clone()));
            }
            if self.is_cancelled() {
                return Err(FormatError::Source("the run was cancelled".to_string()));
            }
            if state.finished && state.next_slot == state.next_ticket {
                return Ok(None);
            }
            if state.abandoned {
                return Err(FormatError::Source("the run was given up".to_string()));
            }
            self.regulate(&mut state);
            let next = state.next_slot;
            if state.flowing
                && let Some(slot) = state.slots.remove(&next)
            {
                state.next_slot += 1;
                state.ready = state.ready.saturating_sub(slot.charge);
                state.charged = state.charged.saturating_sub(slot.charge);
                if waited {
                    state.starved += begin.elapsed();
                }
                let mut frames = slot.frames;
                for frame in &mut frames {
                    frame.tar_offset = state.tar_offset;
                    for member in &mut frame.members {
                        member.tar_offset = member.tar_offset.wrapping_add(state.tar_offset);
                    }
                    state.tar_offset += frame.tar_length;
                }
                return Ok(Some(frames));
            }
            waited = true;
            state = wait(&self.0.ready, state);
        }
    }

    /// Starts and pauses the flow by the watermarks.
    fn regulate(&self, state: &mut State) {
        let percent = |share: u8| self.0.options.bytes / 100 * usize::from(share);
        // Makers that wait for room, or have finished, cannot fill it any further.
        let full = state.waiting_for_room > 0 || state.finished;
        if state.flowing && !full && state.started && state.ready < percent(self.0.options.pause_percent) {
            state.flowing = false;
            state.pauses += 1;
        }
        if !state.flowing && (full || state.ready >= percent(self.0.options.start_percent)) {
            state.flowing = true;
            state.started = true;
        }
    }
}

impl State {
    /// A buffer for a whole frame (of no capacity: to be allocated), if there is room for one.
    fn take_buffer(&mut self, limit: usize) -> Option<Vec<u8>> {
        let reused = self.free.pop().unwrap_or_default();
        let own = if reused.capacity() > 0 { self.note(&reused) } else { 0 };
        let mut surplus = (self.charged.saturating_sub(own) + MAX_FRAME).saturating_sub(limit);
        // Memory that lies about in the oldest free buffers is given back before anybody waits.
        while surplus > 0 && !self.free.is_empty() {
            let oldest = self.free.remove(0);
            let given_back = self.note(&oldest);
            self.touched.remove(&address(&oldest));
            surplus = surplus.saturating_sub(given_back);
            self.charged = self.charged.saturating_sub(given_back);
        }
        if surplus > 0 {
            if reused.capacity() > 0 {
                self.free.push(reused);
            }
            return None;
        }
        self.charged = self.charged.saturating_sub(own) + MAX_FRAME;
        Some(reused)
    }

    /// A buffer of full size is kept for the next ticket.
    fn put_back(&mut self, buffer: Vec<u8>) {
        if buffer.capacity() >= MAX_FRAME {
            self.charged += self.note(&buffer);
            self.free.push(buffer);
        }
    }

    /// How much memory the buffer takes, for what is in it now or was before: whole huge pages.
    fn note(&mut self, buffer: &Vec<u8>) -> usize {
        if buffer.capacity() < MAX_FRAME {
            return buffer.capacity();
        }
        let now = buffer.len().next_multiple_of(HUGE_PAGE).min(MAX_FRAME);
        let touched = self.touched.entry(address(buffer)).or_default();
        *touched = now.max(*touched);
        *touched
    }
}

fn address(buffer: &[u8]) -> usize {
    buffer.as_ptr() as usize
}

/// With its memory reserved, and asked for in huge pages when it is new.
fn prepared(mut buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() < MAX_FRAME {
        buffer = Vec::with_capacity(CAPACITY);
        ask_for_huge_pages(&mut buffer);
    }
    buffer
}

impl Ticket {
    /// Its place in the order, from 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The buffer, to be filled; it may hold anything, and its length is what is initialised.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        self.buffer.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Delivers the frames of this place: usually one, made in the ticket's buffer; none is right too.
    ///
    /// The offsets are relative: a frame's `tar_offset` is set when it is drawn, and a member's is counted from the
    /// beginning of its frame (for a member that began in an earlier frame: negative, as two's complement).
    pub fn deliver(mut self, frames: impl IntoIterator<Item = Frame>) {
        if let Some(buffer) = self.buffer.take() {
            self.ring.deliver(self.number, buffer, frames.into_iter().collect());
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.buffer.is_some() && !self.ring.is_stopped() {
            self.ring.fail("the program failed while it made a frame; please report this with the log");
        }
    }
}

impl FrameSource for RingReader {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.drawn.pop_front() {
                return Ok(Some(frame));
            }
            match self.ring.draw()? {
                None => return Ok(None),
                Some(frames) => self.drawn = frames,
            }
        }
    }

    fn recycle(&mut self, frame: Frame) {
        self.ring.lock().put_back(frame.data);
        self.ring.0.room.notify_one();
    }
}

fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    condition.wait_timeout(state, CANCEL_CHECK).unwrap_or_else(|poisoned| poisoned.into_inner()).0
}

/// A frame is walked through from end to end by the hash and the drive; with 4 KiB pages a tenth of that is spent on
/// address translation.
fn ask_for_huge_pages(memory: &mut Vec<u8>) {
    const PAGE: usize = 4096;
    let begin = memory.as_mut_ptr();
    // Large allocations begin a few bytes behind a page that is the allocator's; those bytes may have huge pages too.
    let before = address(memory) % PAGE;
    // SAFETY: the advice covers mapped pages, of which the first may hold the allocator's record of this allocation,
    // and it changes nothing of what is in them.
    let advice = unsafe {
        let from = begin.wrapping_sub(before);
        rustix::mm::madvise(from.cast(), memory.capacity() / PAGE * PAGE, rustix::mm::Advice::LinuxHugepage)
    };
    // A kernel without huge pages refuses; then it works without them.
    let _ = advice;
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
