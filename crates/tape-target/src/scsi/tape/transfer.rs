//! Blocks and filemarks, written and read (SSC-5, 6 and 7).

use super::*;
use tape_drive::{FilemarkSync, ReadOutcome, WriteOutcome};

/// FIXED and SILI of READ and WRITE.
const FIXED: u8 = 0x01;
const SILI: u8 = 0x02;

/// What a write that was accepted is answered: early warning is CHECK CONDITION, with nothing left to write.
fn accepted(outcome: WriteOutcome) -> Outcome {
    let ascq = match outcome {
        WriteOutcome::Written => return Ok(Answer::default()),
        WriteOutcome::EarlyWarning => 0x02,
        WriteOutcome::ProgrammableEarlyWarning => 0x07,
    };
    Err(Sense::new(SenseKey::NoSense, 0x00, ascq).at_end_of_medium().with_information(0).into())
}

/// The failure with what was not transferred in INFORMATION, and what was.
fn remaining(failure: impl Into<Failure>, remaining: u64, data: Vec<u8>) -> Failure {
    match failure.into() {
        Failure::Check(sense, _) if sense.key != SenseKey::UnitAttention && !sense.deferred => {
            Failure::Check(Sense { information: sense.information.or(Some(remaining)), ..sense }, data)
        }
        other => other,
    }
}

impl Drive {
    /// The block length in fixed mode (FIXED set), `None` in variable mode.
    fn fixed_length(&self, cdb: &[u8]) -> Result<Option<usize>, Failure> {
        match (byte(cdb, 1) & FIXED != 0, self.modes.block_length) {
            (false, _) => Ok(None),
            // SSC-5, 6.4: fixed transfers need a block length.
            (true, 0) => Err(invalid_field()),
            (true, length) => Ok(Some(length as usize)),
        }
    }

    /// WRITE(6).
    pub(super) fn write(&mut self, cdb: &[u8], data: &[u8]) -> Outcome {
        let length = field(cdb, 2, 3) as usize;
        if length == 0 {
            // SSC-5, 6.8: no error, and the position does not change.
            return Ok(Answer::default());
        }
        let Some(block) = self.fixed_length(cdb)? else {
            let data = data.get(..length).ok_or(Failure::from(Sense::new(SenseKey::AbortedCommand, 0x4b, 0x00)))?;
            let written = self.drive.write_block(data).map_err(|error| remaining(error, length as u64, Vec::new()))?;
            return accepted(written).map(|answer| Answer { taken: length, ..answer });
        };
        let total = length.saturating_mul(block);
        let data = data.get(..total).ok_or(Failure::from(Sense::new(SenseKey::AbortedCommand, 0x4b, 0x00)))?;
        let mut last = WriteOutcome::Written;
        for (number, block) in data.chunks(block).enumerate() {
            let left = (length - number) as u64;
            last = self.drive.write_block(block).map_err(|error| remaining(error, left, Vec::new()))?;
            if last == WriteOutcome::EarlyWarning && left > 1 {
                // Stops there, so that the host learns of it before it goes on.
                let sense = Sense::new(SenseKey::NoSense, 0x00, 0x02).at_end_of_medium();
                return Err(sense.with_information(left - 1).into());
            }
        }
        accepted(last).map(|answer| Answer { taken: total, ..answer })
    }

    /// WRITE FILEMARKS(6).
    pub(super) fn write_filemarks(&mut self, cdb: &[u8]) -> Outcome {
        if byte(cdb, 1) & 0x02 != 0 {
            // WSMK: setmarks are obsolete.
            return Err(invalid_field());
        }
        let count = field(cdb, 2, 3) as u32;
        let sync = if byte(cdb, 1) & 0x01 != 0 { FilemarkSync::Immediate } else { FilemarkSync::Flush };
        let written = self.drive.write_filemarks(count, sync);
        accepted(written.map_err(|error| remaining(error, u64::from(count), Vec::new()))?)
    }

    /// READ(6).
    pub(super) fn read(&mut self, cdb: &[u8]) -> Outcome {
        let length = field(cdb, 2, 3) as usize;
        let silent = byte(cdb, 1) & SILI != 0;
        let fixed = self.fixed_length(cdb)?;
        if fixed.is_some() && silent {
            return Err(invalid_field());
        }
        if length == 0 {
            return Ok(Answer::default());
        }
        let Some(block) = fixed else {
            let found = self.next().map_err(|failure| remaining(failure, length as u64, Vec::new()))?;
            let mut data = self.buffer.get(..found.min(length)).unwrap_or(&[]).to_vec();
            data.truncate(length);
            if found == length || silent {
                return Ok(Answer::data(data));
            }
            return Err(Failure::Check(wrong_length_of_block(length as i64 - found as i64), data));
        };
        if length.saturating_mul(block) > self.buffer.len().max(block) * 4 {
            // More than the target would hold at once.
            return Err(invalid_field());
        }
        let mut data = Vec::new();
        for number in 0..length {
            let left = (length - number) as u64;
            let found = match self.next() {
                Ok(found) => found,
                Err(failure) => return Err(remaining(failure, left, data)),
            };
            if found != block {
                data.extend(self.buffer.get(..found.min(block)).unwrap_or(&[]));
                let whole = data.len() / block * block;
                data.truncate(whole);
                return Err(Failure::Check(wrong_length_of_block(left as i64), data));
            }
            data.extend(self.buffer.get(..found).unwrap_or(&[]));
        }
        Ok(Answer::data(data))
    }

    /// VERIFY(6): reads, and compares nothing.
    pub(super) fn verify(&mut self, cdb: &[u8]) -> Outcome {
        if byte(cdb, 1) & 0x02 != 0 {
            // BYTCMP.
            return Err(invalid_field());
        }
        let count = field(cdb, 2, 3);
        let blocks = if self.fixed_length(cdb)?.is_some() { count } else { count.min(1) };
        for number in 0..blocks {
            self.next().map_err(|failure| remaining(failure, blocks - number, Vec::new()))?;
        }
        Ok(Answer::default())
    }

    /// Reads the next block into the buffer; filemark and end of data are failures here.
    fn next(&mut self) -> Result<usize, Failure> {
        match self.drive.read_block(&mut self.buffer)? {
            ReadOutcome::Block(length) => Ok(length),
            ReadOutcome::Filemark => Err(Sense { filemark: true, ..Sense::new(SenseKey::NoSense, 0x00, 0x01) }.into()),
            ReadOutcome::EndOfData => Err(Sense::new(SenseKey::BlankCheck, 0x00, 0x05).into()),
        }
    }
}

/// ILI, with "asked for minus found" (SSC-5, 6.4).
fn wrong_length_of_block(difference: i64) -> Sense {
    Sense { ili: true, ..Sense::new(SenseKey::NoSense, 0x00, 0x00) }.with_information(difference as u64)
}
