//! The way of a command to a device and of its end back.

mod scripted;
mod sg_io;
mod sg_io_hdr;

pub use scripted::{Scripted, Step};
pub use sg_io::{SgIo, Sharing};

use crate::{ScsiError, Sense};
use std::fmt;
use std::time::Duration;

/// How long a command may take before the host takes it for lost. They are far longer than the commands take: a command
/// that is broken off leaves the tape in an unknown place, and real drives retry for many minutes before they give up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// Commands that move nothing: INQUIRY, MODE SENSE, LOG SENSE, READ POSITION. 2 minutes.
    Short,
    /// READ, WRITE, WRITE FILEMARKS, VERIFY: with all retries of the drive. 45 minutes.
    Transfer,
    /// REWIND, LOCATE, SPACE: from one end of the tape to the other. 1 hour.
    Position,
    /// LOAD and UNLOAD: LTO-9 drives calibrate a new cartridge for up to 2 hours at its first load. 3 hours.
    Load,
    /// FORMAT MEDIUM, and ERASE of a whole tape: one pass per wrap or so. 30 hours.
    WholeTape,
    /// MOVE MEDIUM, EXCHANGE MEDIUM: the robot of a large library. 30 minutes.
    Move,
    /// INITIALIZE ELEMENT STATUS: a library that looks into every slot. 2 hours.
    Inventory,
}

impl Timeout {
    /// The time itself.
    pub const fn duration(self) -> Duration {
        const MINUTE: u64 = 60;
        Duration::from_secs(match self {
            Timeout::Short => 2 * MINUTE,
            Timeout::Transfer => 45 * MINUTE,
            Timeout::Position => 60 * MINUTE,
            Timeout::Load => 180 * MINUTE,
            Timeout::WholeTape => 30 * 60 * MINUTE,
            Timeout::Move => 30 * MINUTE,
            Timeout::Inventory => 120 * MINUTE,
        })
    }
}

/// A command descriptor block (CDB) with what the host must know to send it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Command {
    name: &'static str,
    timeout: Timeout,
    bytes: [u8; 16],
    length: u8,
}

impl Command {
    /// A command of the name that its standard gives it. `N` is 6, 10, 12 or 16.
    pub const fn new<const N: usize>(name: &'static str, timeout: Timeout, cdb: [u8; N]) -> Command {
        const { assert!(matches!(N, 6 | 10 | 12 | 16)) };
        let mut bytes = [0; 16];
        let mut at = 0;
        while at < N {
            bytes[at] = cdb[at];
            at += 1;
        }
        Command { name, timeout, bytes, length: N as u8 }
    }

    /// Its name, such as `READ POSITION`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How long it may take.
    pub fn timeout(&self) -> Timeout {
        self.timeout
    }

    /// The CDB.
    pub fn bytes(&self) -> &[u8] {
        // The constructor lets through no length over 16.
        self.bytes.get(..usize::from(self.length)).unwrap_or(&[])
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.bytes().iter().try_for_each(|byte| write!(f, " {byte:02x}"))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is transferred with a command.
#[derive(Debug)]
pub enum Data<'a> {
    /// Nothing.
    None,
    /// From the device into the buffer.
    In(&'a mut [u8]),
    /// To the device.
    Out(&'a [u8]),
}

/// Status of an ended command (SAM-5, 5.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u8);

impl Status {
    /// 00h.
    pub const GOOD: Status = Status(0x00);
    /// 02h: sense data tells more.
    pub const CHECK_CONDITION: Status = Status(0x02);
    /// 08h: come again later.
    pub const BUSY: Status = Status(0x08);
    /// 18h: another host has reserved the device.
    pub const RESERVATION_CONFLICT: Status = Status(0x18);
    /// 28h: too many commands at once.
    pub const TASK_SET_FULL: Status = Status(0x28);
    /// 40h: another host aborted the command.
    pub const TASK_ABORTED: Status = Status(0x40);
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Status::GOOD => "GOOD",
            Status::CHECK_CONDITION => "CHECK CONDITION",
            Status::BUSY => "BUSY",
            Status::RESERVATION_CONFLICT => "RESERVATION CONFLICT",
            Status::TASK_SET_FULL => "TASK SET FULL",
            Status::TASK_ABORTED => "TASK ABORTED",
            Status(other) => return write!(f, "{other:02X}h"),
        };
        f.write_str(name)
    }
}

/// The end of a command that got to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub status: Status,
    /// Sense data, if some came with the status and could be read.
    pub sense: Option<Sense>,
    /// Bytes that were transferred: what was asked for, minus what the transport says is left. A transport that does not
    /// count says the full length, so an answer's own length field counts more than this.
    pub transferred: usize,
}

impl Reply {
    /// GOOD, with all of `transferred` bytes.
    pub const fn good(transferred: usize) -> Reply {
        Reply { status: Status::GOOD, sense: None, transferred }
    }

    /// CHECK CONDITION with `sense`.
    pub const fn check(sense: Sense) -> Reply {
        Reply { status: Status::CHECK_CONDITION, sense: Some(sense), transferred: 0 }
    }

    /// The reply if the command succeeded. Sense data that adds to a success (filemark, early warning, recovered error) is
    /// still in it.
    pub fn success(self) -> Result<Reply, ScsiError> {
        match (self.status, self.sense) {
            (Status::GOOD | Status::CHECK_CONDITION, Some(sense)) if sense.is_failure() => Err(ScsiError::Check(sense)),
            (Status::GOOD, _) | (Status::CHECK_CONDITION, Some(_)) => Ok(self),
            (status, _) => Err(ScsiError::Status(status)),
        }
    }
}

/// A command whose end is not known, or that never left the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No answer in time; the kernel aborted the command. It may have been carried out.
    #[error("no answer within {} minutes: the command was broken off and may have been carried out", .0.as_secs() / 60)]
    TimedOut(Duration),
    /// The bus or the device was reset under the command.
    #[error("the device or its bus was reset under the command")]
    Reset,
    /// The device cannot be reached any more, or for the moment.
    #[error("the connection to the device is lost; check its power and its cable")]
    Disconnected,
    /// The host adapter gave up for a reason of its own.
    #[error("the host adapter failed (host status {host:#04x}, driver status {driver:#04x})")]
    Adapter {
        /// Host status (`DID_…` of the kernel).
        host: u16,
        /// Driver status.
        driver: u16,
    },
    /// The kernel did not take the command: a transfer that is too long for the adapter, a missing right, a file that is
    /// no SCSI device.
    #[error("the kernel did not take the command: {0}")]
    System(rustix::io::Errno),
}

/// Whatever carries commands to one device.
///
/// Every unit attention is delivered to the caller: a transport retries nothing.
pub trait Transport: Send {
    /// Sends `command`, waits for its end, and says how it ended.
    fn execute(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, TransportError>;

    /// The same, with everything that is not a success as an error.
    fn run(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, ScsiError> {
        self.execute(command, data)?.success()
    }

    /// Runs a command that answers with up to `capacity` bytes.
    fn fetch(&mut self, command: &Command, capacity: usize) -> Result<Vec<u8>, ScsiError> {
        let mut answer = vec![0; capacity];
        let reply = self.run(command, Data::In(&mut answer))?;
        answer.truncate(reply.transferred);
        Ok(answer)
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn execute(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, TransportError> {
        (**self).execute(command, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SenseKey;

    #[test]
    fn success_is_told_from_failure() {
        assert!(Reply::good(7).success().is_ok());
        let early_warning = Sense::new(SenseKey::NoSense, 0, 2).at_end_of_medium();
        assert!(Reply::check(early_warning).success().is_ok());
        assert!(Reply::check(Sense::new(SenseKey::RecoveredError, 0x17, 1).deferred()).success().is_ok());
        let medium = Sense::new(SenseKey::MediumError, 0x0c, 0);
        assert_eq!(Reply::check(medium).success(), Err(ScsiError::Check(medium)));
        // NO SENSE that belongs to an earlier command says that this one was not carried out.
        let deferred = Sense::new(SenseKey::NoSense, 0, 2).deferred();
        assert_eq!(Reply::check(deferred).success(), Err(ScsiError::Check(deferred)));
        let mute = Reply { status: Status::CHECK_CONDITION, sense: None, transferred: 0 };
        assert_eq!(mute.success(), Err(ScsiError::Status(Status::CHECK_CONDITION)));
        let busy = Reply { status: Status::BUSY, sense: None, transferred: 0 };
        assert_eq!(busy.success(), Err(ScsiError::Status(Status::BUSY)));
        // Some adapters lose the status byte and keep the sense data.
        assert_eq!(Reply { status: Status::GOOD, ..Reply::check(medium) }.success(), Err(ScsiError::Check(medium)));
    }

    #[test]
    fn commands_print_their_bytes() {
        let command = Command::new("READ BLOCK LIMITS", Timeout::Short, [5, 0, 0, 0, 0, 0]);
        assert_eq!(command.to_string(), "READ BLOCK LIMITS 05 00 00 00 00 00");
    }
}
