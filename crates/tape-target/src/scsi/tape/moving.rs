//! Commands that move the tape, and where it is (SSC-5, 7).

use super::*;
use tape_drive::Position;

impl Drive {
    /// SPACE(6) and SPACE(16).
    pub(super) fn space(&mut self, cdb: &[u8]) -> Outcome {
        let count = if byte(cdb, 0) == 0x11 {
            // 24 bits, two's complement
            (field(cdb, 2, 3) as i64) << 40 >> 40
        } else {
            field(cdb, 4, 8) as i64
        };
        match byte(cdb, 1) & 0x0f {
            0 => self.space_blocks(count),
            1 => self.space_filemarks(count),
            3 => {
                self.drive.space_to_end_of_data()?;
                Ok(Answer::default())
            }
            _ => Err(invalid_field()),
        }
    }

    fn space_filemarks(&mut self, count: i64) -> Outcome {
        let before = self.files_before()?;
        let Err(error) = self.drive.space_filemarks(count) else { return Ok(Answer::default()) };
        let passed = self.files_before().map_or(0, |after| after.abs_diff(before));
        match Failure::from(error) {
            Failure::Check(sense, data) if matches!(sense.key, SenseKey::BlankCheck | SenseKey::NoSense) => {
                let left = count.unsigned_abs().saturating_sub(passed);
                Err(Failure::Check(sense.with_information(left), data))
            }
            failure => Err(failure),
        }
    }

    /// Blocks are counted up to the next filemark, behind which (or before which, backwards) the tape stops.
    fn space_blocks(&mut self, count: i64) -> Outcome {
        let here = self.drive.position()?.at.block;
        // Questions to the drive itself, which the fault plan does not count.
        let drive = self.drive.inner();
        let border = if count >= 0 {
            let found = drive.space_filemarks(1).is_ok();
            let at = drive.position()?.at.block;
            // The filemark itself is before that place; without one it is the end of data.
            (if found { at - 1 } else { at }, found)
        } else {
            let found = drive.space_filemarks(-1).is_ok();
            let at = drive.position()?.at.block;
            (if found { at + 1 } else { at }, found)
        };
        drive.locate(Position::block(here))?;
        let (edge, filemark) = border;
        let room = edge.abs_diff(here);
        let wanted = count.unsigned_abs();
        let to = |block| Position::block(block);
        if wanted <= room {
            let target = if count >= 0 { here + wanted } else { here - wanted };
            self.drive.locate(to(target))?;
            return Ok(Answer::default());
        }
        let sense = match (filemark, count >= 0) {
            (true, forwards) => {
                self.drive.locate(to(if forwards { edge + 1 } else { edge - 1 }))?;
                Sense { filemark: true, ..Sense::new(SenseKey::NoSense, 0x00, 0x01) }
            }
            (false, true) => {
                self.drive.locate(to(edge))?;
                Sense::new(SenseKey::BlankCheck, 0x00, 0x05)
            }
            (false, false) => {
                self.drive.locate(to(edge))?;
                Sense::new(SenseKey::NoSense, 0x00, 0x04).at_end_of_medium()
            }
        };
        Err(sense.with_information(wanted - room).into())
    }

    fn files_before(&mut self) -> Result<u64, Failure> {
        Ok(self.drive.inner().position()?.file.unwrap_or(0))
    }

    /// LOCATE(10) and LOCATE(16).
    pub(super) fn locate(&mut self, cdb: &[u8]) -> Outcome {
        let short = byte(cdb, 0) == 0x2b;
        let change_partition = byte(cdb, 1) & 0x02 != 0;
        let (partition, number) =
            if short { (byte(cdb, 8), field(cdb, 3, 4)) } else { (byte(cdb, 3), field(cdb, 4, 8)) };
        let partition = if change_partition { partition } else { 0 };
        let kind = if short { 0 } else { byte(cdb, 1) >> 3 & 0x07 };
        match kind {
            0 => self.drive.locate(Position { partition, block: number })?,
            1 => {
                self.drive.locate(Position { partition, block: 0 })?;
                let files = i64::try_from(number).map_err(|_| invalid_field())?;
                if files > 0 {
                    self.drive.space_filemarks(files)?;
                }
            }
            3 => self.drive.space_to_end_of_data()?,
            _ => return Err(invalid_field()),
        }
        Ok(Answer::default())
    }

    /// READ POSITION, in its four forms.
    pub(super) fn read_position(&mut self, cdb: &[u8]) -> Outcome {
        let position = self.drive.position()?;
        let flags = u8::from(position.beginning) << 7 | u8::from(position.end_zone) << 6;
        let block = position.at.block;
        let mut data = vec![flags, position.at.partition, 0, 0];
        match byte(cdb, 1) & 0x1f {
            0 | 1 => match u32::try_from(block) {
                Ok(block) => {
                    data.extend([block.to_be_bytes(), block.to_be_bytes()].concat());
                    data.extend([0; 8]);
                }
                // LOLU: the number does not fit.
                Err(_) => {
                    data[0] |= 0x04;
                    data.extend([0; 16]);
                }
            },
            6 => {
                data = vec![flags, 0, 0, 0];
                data.extend(u32::from(position.at.partition).to_be_bytes());
                data.extend(block.to_be_bytes());
                data.extend(position.file.unwrap_or(0).to_be_bytes());
                data.extend([0; 8]);
                // MPU: the number of files is not known.
                data[0] |= u8::from(position.file.is_none()) << 3;
            }
            8 => {
                data[3] = 0x1c;
                data.extend([0; 4]);
                data.extend([block.to_be_bytes(), block.to_be_bytes()].concat());
                data.extend([0; 8]);
            }
            _ => return Err(invalid_field()),
        }
        Ok(Answer::data(data))
    }

    /// FORMAT MEDIUM (SSC-5, 7.1), into one partition: the tape is erased.
    pub(super) fn format(&mut self, cdb: &[u8]) -> Outcome {
        if byte(cdb, 2) & 0x0f != 0 {
            return Err(invalid_field());
        }
        if !self.drive.position()?.beginning {
            return Err(Sense::new(SenseKey::IllegalRequest, 0x3b, 0x0c).into());
        }
        self.drive.erase()?;
        Ok(Answer::default())
    }
}
