//! Blocks and filemarks: what a command's end means for what is on the tape (SSC-5, 4.2.5 and 7.3, 7.18, 7.19).

use super::SscDrive;
use crate::*;
use tape_scsi::command::space::{self, Over};
use tape_scsi::command::write_filemarks::{self, Immediate};
use tape_scsi::command::{mode, read_write};
use tape_scsi::{Reply, ScsiError, Sense, SenseKey, Transport};

impl<T: Transport> SscDrive<T> {
    /// Puts the drive into variable-block, buffered mode if it is not known to be in it: a reset or another program may
    /// have changed it.
    pub(super) fn configure(&mut self, operation: Operation) -> Result<()> {
        if self.configured {
            return Ok(());
        }
        let mut header = self.header_for(operation)?;
        let length = header.block_descriptor.map(|descriptor| descriptor.block_length);
        if length.unwrap_or(0) != 0 || header.buffered_mode == 0 {
            if let Some(descriptor) = &mut header.block_descriptor {
                descriptor.block_length = 0;
            }
            header.buffered_mode = 1;
            header.page.clear();
            let form = self.mode_form;
            mode::mode_select(&mut self.transport, form, &header)
                .map_err(|error| self.failed(Operation::ModeSelect, error))?;
        }
        // A drive that does not tell its position is where its count begins only after a rewind.
        if self.at.is_none() && self.told_position(operation)?.is_none() {
            self.rewind()?;
        }
        self.configured = true;
        Ok(())
    }

    /// What must hold before anything is written: the right mode, and a position that is known.
    pub(super) fn before_write(&mut self, operation: Operation) -> Result<Position> {
        let left = self.left;
        let found = self.configure(operation).and_then(|()| match self.at {
            Some(at) => Ok(at),
            None => Ok(self.find_position(operation)?.at),
        });
        // Also where the tape had to be rewound to find its position.
        self.left = left.or(self.left);
        let at = found?;
        match self.left.take() {
            Some(left) if !left.is_at_or_just_before(at) => {
                self.left = Some(left);
                Err(DriveError::moved_away(operation, at, left))
            }
            _ => Ok(at),
        }
    }

    pub(super) fn write(&mut self, block: &[u8]) -> Result<WriteOutcome> {
        let limits = self.limits()?;
        let in_limits = |length: u32| (limits.min..=limits.max).contains(&length);
        if !u32::try_from(block.len()).is_ok_and(in_limits) {
            let BlockLimits { min, max } = limits;
            let message = format!("a block has {min} to {max} bytes with this drive, not {}", block.len());
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, Operation::Write, message));
        }
        let at = self.before_write(Operation::Write)?;
        self.unflushed.get_or_insert(at);
        let reply = match read_write::write(&mut self.transport, block) {
            Ok(reply) => reply,
            Err(error) => return Err(self.write_failed(Operation::Write, at, block.len() as u64, error)),
        };
        let outcome = self.written(Operation::Write, at, 1, block.len() as u64, &reply)?;
        self.prove(at)?;
        Ok(outcome)
    }

    pub(super) fn filemarks(&mut self, count: u32, sync: FilemarkSync) -> Result<WriteOutcome> {
        let operation = Operation::WriteFilemarks;
        if count > write_filemarks::MAX_COUNT {
            let message = format!("at most {} filemarks are written at once", write_filemarks::MAX_COUNT);
            return Err(DriveError::new(DriveErrorKind::IllegalRequest, operation, message));
        }
        let at = self.before_write(operation)?;
        let immediate = match sync {
            FilemarkSync::Flush => Immediate::No,
            FilemarkSync::Immediate => Immediate::Yes,
        };
        if count > 0 {
            self.unflushed.get_or_insert(at);
        }
        let reply = match write_filemarks::write_filemarks(&mut self.transport, count, immediate) {
            Ok(reply) => reply,
            Err(error) => return Err(self.write_failed(operation, at, count.into(), error)),
        };
        let outcome = self.written(operation, at, count.into(), count.into(), &reply)?;
        self.file = self.file.map(|file| file + u64::from(count));
        if sync == FilemarkSync::Flush {
            self.unflushed = None;
        }
        Ok(outcome)
    }

    /// A write of `asked` bytes or filemarks that the drive accepted, unless its sense data say that not all is there.
    fn written(
        &mut self,
        operation: Operation,
        at: Position,
        objects: u64,
        asked: u64,
        reply: &Reply,
    ) -> Result<WriteOutcome> {
        let Some(sense) = reply.sense else {
            self.at = Some(Position { block: at.block + objects, ..at });
            return Ok(WriteOutcome::Written);
        };
        let missing = sense.residual().filter(|_| sense.eom).unwrap_or(0);
        if missing != 0 && asked > 0 {
            // Some drives say that nothing was written and have written everything: where the tape is tells.
            let moved = match self.told_position(operation)? {
                Some(found) => found.at == Position { block: at.block + objects, ..at },
                None => false,
            };
            if !moved || missing.unsigned_abs() != asked {
                return Err(self.write_failed(operation, at, asked, ScsiError::Check(sense)));
            }
        }
        self.at = Some(Position { block: at.block + objects, ..at });
        Ok(match (sense.asc, sense.ascq) {
            // SSC-5, 4.2.8: EOM may be set with it or not.
            (0x00, 0x07) => WriteOutcome::ProgrammableEarlyWarning,
            _ if sense.eom => WriteOutcome::EarlyWarning,
            _ => WriteOutcome::Written,
        })
    }

    /// A write that failed. Where the drive says that more is missing than this command brought, blocks that it had
    /// accepted before are missing too.
    fn write_failed(&mut self, operation: Operation, at: Position, asked: u64, error: ScsiError) -> DriveError {
        let unflushed = self.unflushed;
        let mut failure = self.failed(operation, error);
        failure.position = Some(at);
        let missing = error.sense().and_then(Sense::residual).unwrap_or(0);
        let success_key = error.sense().is_some_and(|sense| sense.key == SenseKey::NoSense && !sense.deferred);
        if success_key && failure.sense.is_some_and(|sense| sense.eom) {
            // NO SENSE with EOM and a residual: early warning came in the middle of the command.
            failure.kind = DriveErrorKind::EndOfMedium;
            failure.message = "the tape is full; the block is not on it and belongs on the next tape".into();
        }
        if u64::try_from(missing).is_ok_and(|missing| missing > asked) || failure.kind == DriveErrorKind::MediumError {
            failure.suspect_since = unflushed.filter(|&first| first < at);
        }
        failure
    }

    /// Checks once per tape that the drive's position moves when something is written: a drive that answers READ POSITION
    /// with the same number for ever must not be trusted with appending.
    fn prove(&mut self, before: Position) -> Result<()> {
        if self.proven {
            return Ok(());
        }
        let expected = self.at;
        let found = self.find_position(Operation::Write)?.at;
        if Some(found) != expected {
            self.at = None;
            let message = format!(
                "the drive says {found} after one block was written at {before}: its positions cannot be trusted, and \
                 nothing more is written; look for a firmware update"
            );
            return Err(DriveError::new(DriveErrorKind::HardwareError, Operation::Write, message).at(before));
        }
        self.proven = true;
        Ok(())
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<ReadOutcome> {
        let operation = Operation::Read;
        let limits = self.limits()?;
        self.configure(operation)?;
        let length = buffer.len().min(limits.max as usize);
        let at = self.at;
        let reply = match read_write::read(&mut self.transport, buffer.get_mut(..length).unwrap_or(&mut [])) {
            Ok(reply) => reply,
            Err(ScsiError::Check(sense)) if is_end_of_data(&sense) => return Ok(ReadOutcome::EndOfData),
            Err(error) => return Err(self.failed(operation, error)),
        };
        self.at = at.map(|at| Position { block: at.block + 1, ..at });
        let found = what_was_read(length, &reply);
        match found {
            Ok(ReadOutcome::Filemark) => self.file = self.file.map(|file| file + 1),
            Ok(_) => {}
            Err(ref error) if matches!(error.kind, DriveErrorKind::BlockTooLong { .. }) => {}
            Err(_) => self.at = None,
        }
        if let Ok(ReadOutcome::Block(actual)) = found
            && reply.transferred < actual
        {
            self.read_again(buffer.get_mut(..actual).unwrap_or(&mut []))?;
        }
        found.map_err(|error| DriveError { position: at, ..error })
    }

    /// Reads the block that was just passed, by its exact length: some transports deliver nothing with a length that was
    /// not the one asked for.
    fn read_again(&mut self, buffer: &mut [u8]) -> Result<()> {
        let operation = Operation::Read;
        space::space(&mut self.transport, Over::Blocks, -1).map_err(|error| self.failed(operation, error))?;
        let reply = match read_write::read(&mut self.transport, buffer) {
            Ok(reply) => reply,
            Err(error) => return Err(self.failed(operation, error)),
        };
        if what_was_read(buffer.len(), &reply)? != ReadOutcome::Block(buffer.len()) || reply.transferred < buffer.len()
        {
            self.at = None;
            let message = "the block did not arrive whole, though it was asked for by its length; check the cable";
            return Err(DriveError::new(DriveErrorKind::HardwareError, operation, message));
        }
        Ok(())
    }
}

/// Nothing is recorded from here on (SSC-5, 7.3), as opposed to something that cannot be found.
pub(super) fn is_end_of_data(sense: &Sense) -> bool {
    !sense.deferred && sense.key == SenseKey::BlankCheck && sense.asc == 0x00
}

/// What READ of `asked` bytes found, in variable-block mode with SILI = 0.
fn what_was_read(asked: usize, reply: &Reply) -> Result<ReadOutcome> {
    let wrong = |message: &str| DriveError::new(DriveErrorKind::HardwareError, Operation::Read, message);
    let Some(sense) = reply.sense else {
        return match reply.transferred {
            0 => Err(wrong("the drive delivered nothing and did not say why")),
            length => Ok(ReadOutcome::Block(length)),
        };
    };
    let wrong = |message: &str| wrong(message).with_sense(sense);
    if sense.filemark {
        return Ok(ReadOutcome::Filemark);
    }
    if !sense.ili {
        return match reply.transferred {
            0 => Err(wrong("the drive delivered nothing and did not say why")),
            length => Ok(ReadOutcome::Block(length)),
        };
    }
    // INFORMATION is what was asked for minus what the block has.
    let Some(residual) = sense.residual() else {
        return Err(wrong("the block is of another length than asked for, and the drive does not say of which"));
    };
    let actual = i64::try_from(asked).ok().and_then(|asked| asked.checked_sub(residual)).filter(|&actual| actual > 0);
    match actual.map(|actual| actual as u64) {
        Some(actual) if actual > asked as u64 => {
            let message = format!("the block has {actual} bytes, the buffer {asked}");
            let kind = DriveErrorKind::BlockTooLong { actual: Some(actual) };
            Err(DriveError::new(kind, Operation::Read, message).with_sense(sense))
        }
        Some(actual) => Ok(ReadOutcome::Block(actual as usize)),
        None => Err(wrong("the drive says a length of the block that cannot be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_scsi::Status;

    fn ili(residual: i64) -> Reply {
        let sense = Sense { ili: true, ..Sense::new(SenseKey::NoSense, 0, 0) }.with_information(residual as u64);
        Reply { status: Status::CHECK_CONDITION, sense: Some(sense), transferred: 100 }
    }

    #[test]
    fn lengths_of_blocks_come_from_the_residual() {
        assert_eq!(what_was_read(1000, &Reply::good(1000)).unwrap(), ReadOutcome::Block(1000));
        assert_eq!(what_was_read(1000, &ili(400)).unwrap(), ReadOutcome::Block(600));
        let error = what_was_read(1000, &ili(-500)).unwrap_err();
        assert_eq!(error.kind, DriveErrorKind::BlockTooLong { actual: Some(1500) });
        for impossible in [1000, 1001, i64::MIN, i64::MAX] {
            assert!(what_was_read(1000, &ili(impossible)).is_err(), "{impossible}");
        }
        assert!(what_was_read(1000, &Reply::good(0)).is_err(), "nothing, and no reason");
        let filemark = Sense { filemark: true, ..Sense::new(SenseKey::NoSense, 0, 1) }.with_information(1000);
        assert_eq!(what_was_read(1000, &Reply::check(filemark)).unwrap(), ReadOutcome::Filemark);
    }
}
