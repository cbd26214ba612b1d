//! The sending half of a connection: numbers every answer, and cuts data into messages.

use super::negotiation::Parameters;
use super::pdu::{FINAL, NO_TAG, Pdu, target};
use crate::scsi::{Answer, GOOD};
use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

/// Commands that a session may have under way.
pub(crate) const QUEUE_DEPTH: u32 = 32;

/// Shared by the thread that receives and by those that execute.
#[derive(Debug)]
pub(crate) struct Outbound {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    stream: TcpStream,
    parameters: Parameters,
    status_number: u32,
    expected_command: u32,
    /// Commands that were taken and not answered.
    under_way: u32,
}

/// What the answer to a command is sent with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub lun: [u8; 8],
    pub tag: u32,
    /// EXPECTED DATA TRANSFER LENGTH.
    pub length: u32,
    /// The command reads.
    pub reads: bool,
    /// It took a place in the order of commands.
    pub ordered: bool,
}

impl Outbound {
    pub fn new(stream: TcpStream, parameters: Parameters, status_number: u32, expected_command: u32) -> Outbound {
        let state = State { stream, parameters, status_number, expected_command, under_way: 0 };
        Outbound { state: Mutex::new(state) }
    }

    /// Takes the next command in order. `false` if it is another one: then it is a repetition or a protocol error.
    pub fn take_command(&self, number: u32) -> bool {
        let mut state = self.lock();
        let fits = number == state.expected_command && state.under_way < QUEUE_DEPTH;
        if fits {
            state.expected_command = state.expected_command.wrapping_add(1);
            state.under_way += 1;
        }
        fits
    }

    /// A command that was taken is done with.
    pub fn finish_command(&self) {
        let mut state = self.lock();
        state.under_way = state.under_way.saturating_sub(1);
    }

    /// Sends a message that carries a status number of its own.
    pub fn send(&self, pdu: &mut Pdu) -> io::Result<()> {
        let mut state = self.lock();
        state.number(pdu, true);
        state.write(pdu)
    }

    /// Asks for data of a write (R2T), which does not use up a status number.
    pub fn ask_for_data(&self, pdu: &mut Pdu) -> io::Result<()> {
        let mut state = self.lock();
        state.number(pdu, false);
        state.write(pdu)
    }

    /// Sends what a command returned, and its status.
    pub fn answer(&self, asked: &Asked, answer: &Answer) -> io::Result<()> {
        let mut state = self.lock();
        if asked.ordered {
            state.under_way = state.under_way.saturating_sub(1);
        }
        let wanted = asked.length as usize;
        let delivered = if asked.reads { answer.data.get(..wanted.min(answer.data.len())).unwrap_or(&[]) } else { &[] };
        let transferred = if asked.reads { answer.data.len() } else { answer.taken };
        let residual = Residual::of(wanted, transferred);
        let with_status = answer.status == GOOD && !delivered.is_empty();
        let mut number = 0;
        let mut offset = 0;
        let bursts = delivered.chunks(state.parameters.max_burst.max(1));
        for burst in bursts {
            let mut chunks = burst.chunks(state.parameters.max_receive.max(1)).peekable();
            while let Some(chunk) = chunks.next() {
                let mut pdu = asked.pdu(target::DATA_IN);
                pdu.header[1] = if chunks.peek().is_none() { FINAL } else { 0 };
                pdu.set_u32(20, NO_TAG);
                pdu.set_u32(36, number);
                pdu.set_u32(40, offset);
                pdu.data = chunk.to_vec();
                number += 1;
                offset += chunk.len() as u32;
                let last = offset as usize == delivered.len() && with_status;
                if last {
                    // S: the status comes along.
                    pdu.header[1] |= 0x01 | residual.flags;
                    pdu.set_u32(44, residual.count);
                }
                state.number(&mut pdu, last);
                state.write(&mut pdu)?;
            }
        }
        if with_status {
            return Ok(());
        }
        let mut pdu = asked.pdu(target::SCSI_RESPONSE);
        pdu.header[8..16].fill(0);
        pdu.header[1] = FINAL | residual.flags;
        pdu.header[3] = answer.status;
        pdu.set_u32(36, number);
        pdu.set_u32(44, residual.count);
        if !answer.sense.is_empty() {
            pdu.data.extend((answer.sense.len() as u16).to_be_bytes());
            pdu.data.extend(&answer.sense);
        }
        state.number(&mut pdu, true);
        state.write(&mut pdu)
    }

    /// Ends the connection in both directions, whoever is waiting on it.
    pub fn shut_down(&self) {
        // It may be gone already.
        let _ = self.lock().stream.shutdown(std::net::Shutdown::Both);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&mut self, pdu: &mut Pdu, has_status: bool) {
        pdu.set_u32(24, if has_status || pdu.opcode() == target::READY_TO_TRANSFER { self.status_number } else { 0 });
        pdu.set_u32(28, self.expected_command);
        let window = QUEUE_DEPTH.saturating_sub(self.under_way);
        pdu.set_u32(32, self.expected_command.wrapping_add(window).wrapping_sub(1));
        if has_status {
            self.status_number = self.status_number.wrapping_add(1);
        }
    }

    fn write(&mut self, pdu: &mut Pdu) -> io::Result<()> {
        pdu.write(&mut self.stream, self.parameters.digests)
    }
}

impl Asked {
    fn pdu(&self, opcode: u8) -> Pdu {
        let mut pdu = Pdu::new(opcode);
        pdu.header[8..16].copy_from_slice(&self.lun);
        pdu.set_u32(16, self.tag);
        pdu
    }
}

/// How much less (or more) was transferred than the initiator expected.
#[derive(Debug, PartialEq, Eq)]
struct Residual {
    flags: u8,
    count: u32,
}

impl Residual {
    fn of(wanted: usize, transferred: usize) -> Residual {
        let count = wanted.abs_diff(transferred).try_into().unwrap_or(u32::MAX);
        let flags = match transferred.cmp(&wanted) {
            std::cmp::Ordering::Less => 0x02,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => 0x04,
        };
        Residual { flags, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals() {
        assert_eq!(Residual::of(100, 100), Residual { flags: 0, count: 0 });
        assert_eq!(Residual::of(100, 40), Residual { flags: 2, count: 60 });
        assert_eq!(Residual::of(40, 100), Residual { flags: 4, count: 60 });
    }
}
