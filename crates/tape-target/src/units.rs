//! The logical units of a target, each with a thread of its own that executes one command after the other.

use crate::scsi::unit::Unit;
use crate::scsi::{Answer, Nexus, Reply};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// A command that a unit is to execute.
pub(crate) struct Job {
    pub nexus: Nexus,
    pub cdb: Vec<u8>,
    /// What the initiator sent with it.
    pub data: Vec<u8>,
    pub task: Arc<Task>,
    /// Called exactly once.
    pub reply: Box<dyn FnOnce(Reply) + Send>,
}

/// A command under way, as the connection that it came by sees it.
#[derive(Debug)]
pub(crate) struct Task {
    pub unit: u16,
    /// It was answered, or will not be.
    pub done: AtomicBool,
    aborted: AtomicBool,
}

impl Task {
    pub fn new(unit: u16) -> Task {
        Task { unit, done: AtomicBool::new(false), aborted: AtomicBool::new(false) }
    }

    /// No answer is wanted any more; `false` if it was given already.
    pub fn abort(&self) -> bool {
        self.aborted.store(true, Ordering::Release);
        !self.done.load(Ordering::Acquire)
    }

    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }
}

type Message = Box<dyn FnOnce(&mut Unit) + Send>;

/// All units, by their number.
#[derive(Debug)]
pub(crate) struct Units {
    queues: BTreeMap<u16, Sender<Message>>,
}

impl Units {
    /// Starts a thread for each; it ends when the last handle is gone.
    pub fn start(units: BTreeMap<u16, Unit>) -> std::io::Result<Units> {
        let mut queues = BTreeMap::new();
        for (number, unit) in units {
            let (sender, receiver) = channel();
            std::thread::Builder::new().name(format!("lun {number}")).spawn(move || execute(unit, &receiver))?;
            queues.insert(number, sender);
        }
        Ok(Units { queues })
    }

    pub fn exists(&self, unit: u16) -> bool {
        self.queues.contains_key(&unit)
    }

    /// Queues a command.
    pub fn submit(&self, unit: u16, job: Job) {
        if !self.exists(unit) {
            job.task.done.store(true, Ordering::Release);
            let answer = if job.cdb.first() == Some(&0xa0) {
                // REPORT LUNS is answered also at numbers where nothing is (SPC-5, 4.3.5).
                crate::scsi::unit::report_luns(&job.cdb, self.queues.keys().copied())
            } else {
                Answer::no_such_unit(&job.cdb)
            };
            return (job.reply)(Reply::Answer(answer));
        }
        self.tell(unit, Box::new(move |unit| unit.run(job)));
    }

    /// LOGICAL UNIT RESET.
    pub fn reset(&self, unit: u16) {
        self.tell(unit, Box::new(Unit::reset));
    }

    /// The same for all.
    pub fn reset_all(&self) {
        for &unit in self.queues.keys() {
            self.reset(unit);
        }
    }

    /// An initiator logged in.
    pub fn log_in(&self, nexus: &Nexus) {
        for &unit in self.queues.keys() {
            let nexus = nexus.clone();
            self.tell(unit, Box::new(move |unit| unit.log_in(nexus)));
        }
    }

    /// Has something done between two commands, and waits for it; `None` if there is no such unit.
    pub fn with<T: Send + 'static>(&self, unit: u16, run: impl FnOnce(&mut Unit) -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = channel();
        // Nobody waits only if this thread is gone.
        self.tell(unit, Box::new(move |unit| drop(sender.send(run(unit)))));
        receiver.recv().ok()
    }

    fn tell(&self, unit: u16, message: Message) {
        if let Some(queue) = self.queues.get(&unit) {
            // The unit's thread lives as long as its queue.
            let _ = queue.send(message);
        }
    }
}

fn execute(mut unit: Unit, queue: &Receiver<Message>) {
    while let Ok(message) = queue.recv() {
        message(&mut unit);
    }
}
