//! A transport for tests: it expects commands and answers as the script says.

use super::{Command, Data, Reply, Transport, TransportError};
use crate::Sense;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One command that is expected, and its answer.
#[derive(Debug, Clone)]
pub struct Step {
    /// How the CDB has to begin.
    cdb: Vec<u8>,
    /// What has to be sent with it, if the test cares.
    sent: Option<Vec<u8>>,
    /// What comes back.
    received: Vec<u8>,
    reply: Result<Reply, TransportError>,
}

impl Step {
    /// Expects a CDB that begins with `cdb`, and answers GOOD.
    pub fn on(cdb: &[u8]) -> Step {
        Step { cdb: cdb.to_vec(), sent: None, received: Vec::new(), reply: Ok(Reply::good(0)) }
    }

    /// Expects these bytes with it.
    pub fn with_data(self, sent: &[u8]) -> Step {
        Step { sent: Some(sent.to_vec()), ..self }
    }

    /// Answers with these bytes.
    pub fn data(self, received: &[u8]) -> Step {
        Step { received: received.to_vec(), ..self }
    }

    /// Answers CHECK CONDITION with `sense`.
    pub fn check(self, sense: Sense) -> Step {
        Step { reply: Ok(Reply::check(sense)), ..self }
    }

    /// Ends with this reply; the number of bytes in it is not looked at.
    pub fn reply(self, reply: Reply) -> Step {
        Step { reply: Ok(reply), ..self }
    }

    /// Does not get to the device, or its end does not get back.
    pub fn lost(self, error: TransportError) -> Step {
        Step { reply: Err(error), ..self }
    }
}

/// A transport that follows a script. A clone follows the same script, so that a test can look at it while a device has
/// it. A command that the script does not expect panics.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    steps: Arc<Mutex<VecDeque<Step>>>,
}

impl Scripted {
    /// A script of these steps.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Scripted {
        Scripted { steps: Arc::new(Mutex::new(steps.into_iter().collect())) }
    }

    /// Adds steps at its end.
    pub fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps().extend(steps);
    }

    /// Panics unless every step was taken.
    pub fn finished(&self) {
        let left: Vec<Step> = self.steps().iter().cloned().collect();
        assert!(left.is_empty(), "commands that were expected did not come: {left:02x?}");
    }

    fn steps(&self) -> MutexGuard<'_, VecDeque<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Scripted {
    fn execute(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, TransportError> {
        let step = self.steps().pop_front();
        let Some(step) = step else { panic!("{command} comes after the end of the script") };
        assert!(command.bytes().starts_with(&step.cdb), "{command} comes where {:02x?} was expected", step.cdb);
        let transferred = match data {
            Data::None => 0,
            Data::In(buffer) => {
                let length = buffer.len().min(step.received.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..length), step.received.get(..length)) {
                    to.copy_from_slice(from);
                }
                length
            }
            Data::Out(sent) => {
                if let Some(expected) = &step.sent {
                    assert_eq!(sent, expected, "data of {command}");
                }
                sent.len()
            }
        };
        step.reply.map(|reply| Reply { transferred, ..reply })
    }
}
