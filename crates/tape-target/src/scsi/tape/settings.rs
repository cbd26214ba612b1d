//! What MODE SELECT sets and MODE SENSE tells (SSC-5, 8.5).

use super::super::mode::{self, Header, Page};
use super::*;
use tape_drive::{Compression, MediumKind};

/// Bytes in a unit of the programmable early warning field (SSC-5, 8.5.9): megabytes of a million.
const PEWS_UNIT: u64 = 1_000_000;

/// The drive's settings; a reset makes them these. It begins without compression, so that what ordinary programs write is in
/// the image as they wrote it, for everybody to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Modes {
    /// BLOCK LENGTH of the block descriptor; 0: variable.
    pub block_length: u32,
    compression: Compression,
    /// PEWS, in its unit.
    early_warning: u16,
    buffered: u8,
}

impl Default for Modes {
    fn default() -> Self {
        Modes { block_length: 0, compression: Compression::Off, early_warning: 0, buffered: 1 }
    }
}

impl Modes {
    /// Settings live until the next reset, the block length as well.
    pub fn unloaded(&mut self) {}

    fn pages(&self, kind: Option<MediumKind>) -> Vec<Page> {
        // DCE, DCC; DDE; algorithm 10h (IBM LZ1, which LTO's is called by), as drives say it. Ours is another (see the virtual
        // drive), which no host can tell.
        let compression = u8::from(self.compression == Compression::On) << 7 | 0x40;
        let [high, low] = self.early_warning.to_be_bytes();
        let worm = u8::from(kind == Some(MediumKind::Worm));
        vec![
            (0x01, 0, vec![0x01, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (0x02, 0, [vec![0x02, 14], vec![0; 14]].concat()),
            (0x0a, 0, vec![0x0a, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (0x0f, 0, vec![0x0f, 14, compression, 0x80, 0, 0, 0, 0x10, 0, 0, 0, 0x10, 0, 0, 0, 0]),
            // LOIS, SEW; write delay 2 s; BIS; select data compression follows page 0Fh.
            (0x10, 0, vec![0x10, 14, 0, 0, 0, 0, 0, 20, 0x40, 0, 0x18, 0, 0, 0, u8::from(compression >> 7 == 1), 0]),
            (0x10, 1, [vec![0x50, 1, 0, 28, 0, 0, high, low], vec![0; 24]].concat()),
            // No additional partitions, units of gigabytes.
            (0x11, 0, vec![0x11, 8, 0, 0, 0x1c, 0, 9, 0, 0, 0]),
            (0x1c, 0, vec![0x1c, 10, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (0x1d, 0, [vec![0x1d, 30, worm], vec![0; 29]].concat()),
        ]
    }
}

impl Drive {
    pub(super) fn mode_sense(&mut self, cdb: &[u8]) -> Outcome {
        // What is loaded, if something is; none is no error here. One command is one for the fault plan.
        let status = self.drive.status()?;
        let medium = self.drive.inner().medium().ok();
        let header = Header {
            medium_type: match medium.as_ref().map(|medium| medium.kind) {
                Some(MediumKind::Cleaning) => 0x01,
                Some(MediumKind::Worm) => medium.as_ref().map_or(0, |medium| worm_type(medium.density)),
                Some(MediumKind::Data) => medium.as_ref().map_or(0, |medium| data_type(medium.density)),
                None => 0,
            },
            device_specific: u8::from(status.write_protected) << 7 | (self.modes.buffered & 0x07) << 4,
            block: Some((medium.as_ref().map_or(0, |medium| medium.density), self.modes.block_length)),
        };
        mode::sense(cdb, header, &self.modes.pages(medium.map(|medium| medium.kind)))
    }

    pub(super) fn mode_select(&mut self, cdb: &[u8], list: &[u8]) -> Outcome {
        let selection = mode::selection(cdb, list)?;
        if list.is_empty() {
            return Ok(Answer::default());
        }
        let mut modes = Modes { buffered: selection.device_specific >> 4 & 0x07, ..self.modes.clone() };
        if let Some((density, length)) = selection.block {
            let loaded = self.drive.inner().medium().ok().map(|medium| medium.density);
            // 00h is the default, 7Fh no change.
            if !matches!(density, 0x00 | 0x7f) && loaded.is_some_and(|loaded| loaded != density) {
                return Err(invalid_parameter());
            }
            if length > self.drive.inner().block_limits()?.max {
                return Err(invalid_parameter());
            }
            modes.block_length = length;
        }
        let known = modes.pages(None);
        for (code, subpage, page) in &selection.pages {
            let like = known.iter().find(|(known, sub, _)| known == code && sub == subpage);
            if like.is_none_or(|(_, _, bytes)| bytes.len() != page.len()) {
                return Err(invalid_parameter());
            }
            let switch = |on: bool| if on { Compression::On } else { Compression::Off };
            match (code, subpage) {
                (0x0f, 0) => modes.compression = switch(byte(page, 2) & 0x80 != 0),
                (0x10, 0) => modes.compression = switch(byte(page, 14) != 0),
                (0x10, 1) => modes.early_warning = field(page, 6, 2) as u16,
                // Partitions there are none of.
                (0x11, 0) if byte(page, 3) != 0 => return Err(invalid_parameter()),
                _ => {}
            }
        }
        if modes.compression != self.modes.compression {
            self.drive.set_compression(modes.compression)?;
        }
        if modes.early_warning != self.modes.early_warning {
            self.drive.set_programmable_early_warning(u64::from(modes.early_warning) * PEWS_UNIT)?;
        }
        self.modes = modes;
        Ok(Answer::default())
    }
}

/// Medium types of LTO cartridges (IBM LTO SCSI reference, mode sense header): the generation in the high digit, from 5 on.
fn data_type(density: u8) -> u8 {
    match density {
        0x46 => 0x38,
        0x58 => 0x58,
        0x5a => 0x68,
        0x5c => 0x78,
        0x5d => 0x88,
        0x5e => 0x88,
        0x60 => 0x98,
        _ => 0,
    }
}

/// The same, write-once.
fn worm_type(density: u8) -> u8 {
    match data_type(density) {
        0 => 0,
        kind => kind | 0x04,
    }
}
