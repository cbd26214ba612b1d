//! READ ELEMENT STATUS (SMC-3; SCSI-2, 17.2.5): what a library believes to be where.
//!
//! [`report`] is the answer as bytes, [`descriptor`] one element of it.

pub mod descriptor;
pub mod report;

pub use descriptor::{ElementKind, ElementStatus, MediumType, VolumeTag};
pub use report::{Fields, Report};

use crate::{Command, ScsiError, Timeout, Transport};

pub(crate) const NAME: &str = "READ ELEMENT STATUS";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// Elements of this kind only; `None`: of all kinds.
    pub kind: Option<ElementKind>,
    /// The lowest address that is of interest.
    pub first: u16,
    /// At most so many elements from there on.
    pub count: u16,
    /// What is to be told of each.
    pub fields: Fields,
    /// CURDATA: answer from memory, move nothing for it.
    pub without_motion: bool,
}

/// The command.
pub fn command(request: &Request, allocation: u32) -> Command {
    let [first_high, first_low] = request.first.to_be_bytes();
    let [count_high, count_low] = request.count.to_be_bytes();
    // ALLOCATION LENGTH has three bytes.
    let [_, high, middle, low] = allocation.min(0x00ff_ffff).to_be_bytes();
    let kind = request.kind.map_or(0, ElementKind::bits);
    Command::new(
        NAME,
        // A library that has just been switched on looks into every slot before it answers.
        Timeout::Inventory,
        [
            0xb8,
            (u8::from(request.fields.volume_tags) << 4) | kind,
            first_high,
            first_low,
            count_high,
            count_low,
            (u8::from(request.without_motion) << 1) | u8::from(request.fields.device_ids),
            high,
            middle,
            low,
            0,
            0,
        ],
    )
}

/// Asks the library, with room for the largest descriptors there are.
pub fn read_element_status(transport: &mut dyn Transport, request: &Request) -> Result<Report, ScsiError> {
    let allocation = report::capacity(request.count);
    let bytes = transport.fetch(&command(request, allocation), allocation as usize)?;
    Ok(report::decode(&bytes, request.fields)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};

    #[test]
    fn every_field_of_the_command_is_in_its_place() {
        let request = Request {
            kind: Some(ElementKind::Drive),
            first: 0x0102,
            count: 0x0304,
            fields: Fields { volume_tags: true, device_ids: true },
            without_motion: true,
        };
        let bytes = [0xb8, 0x14, 1, 2, 3, 4, 0x03, 0x05, 0x06, 0x07, 0, 0];
        assert_eq!(command(&request, 0x0005_0607).bytes(), bytes);
        let plain = Request { kind: None, fields: Fields::default(), without_motion: false, ..request };
        assert_eq!(command(&plain, u32::MAX).bytes()[..10], [0xb8, 0, 1, 2, 3, 4, 0, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn an_empty_library_is_an_answer() {
        let request = Request { kind: None, first: 0, count: 8, fields: Fields::default(), without_motion: false };
        let script = Scripted::new([Step::on(&[0xb8]).data(&[0; 8])]);
        assert!(read_element_status(&mut script.clone(), &request).unwrap().elements.is_empty());
    }
}
