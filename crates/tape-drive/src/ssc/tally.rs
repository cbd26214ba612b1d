//! Counts the errors that a drive recovered from, whatever command they came with.

use tape_scsi::{Command, Data, Reply, SenseKey, Transport, TransportError};

/// A transport that counts.
#[derive(Debug)]
pub(super) struct Tally<T> {
    inner: T,
    pub recovered: u64,
}

impl<T> Tally<T> {
    pub fn new(inner: T) -> Tally<T> {
        Tally { inner, recovered: 0 }
    }
}

impl<T: Transport> Transport for Tally<T> {
    fn execute(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, TransportError> {
        let reply = self.inner.execute(command, data)?;
        if reply.sense.is_some_and(|sense| sense.key == SenseKey::RecoveredError) {
            self.recovered += 1;
        }
        Ok(reply)
    }
}
