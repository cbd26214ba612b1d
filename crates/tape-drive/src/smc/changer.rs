//! The robot: opened, asked what it can do, and sent.
//!
//! Owns: the open device. The library's own memory is the only truth on what is where; nothing of it is kept here.

use super::inventory::{Asking, read_inventory};
use crate::changer::*;
use crate::{DriveError, DriveErrorKind, Operation, Result};
use tape_scsi::command::inquiry::{self, DeviceType, vpd};
use tape_scsi::command::mode::{self, PageCode};
use tape_scsi::command::motion::Prevent;
use tape_scsi::command::{initialize_element_status, motion, move_medium, test_unit_ready};
use tape_scsi::mode_page::device_capabilities::{self, DeviceCapabilities};
use tape_scsi::mode_page::element_address_assignment::{self, ElementAddressAssignment, Range};
use tape_scsi::{ScsiError, Sense, SenseKey, Transport};

/// Unit attentions that can lie before the first command that is answered: one for each thing that happened since the
/// library was last spoken to. Libraries hold a handful.
const ATTENTIONS: usize = 16;

/// A medium changer behind a transport.
#[derive(Debug)]
pub struct SmcChanger<T> {
    transport: T,
    identity: ChangerIdentity,
    capabilities: DeviceCapabilities,
    elements: ElementAddressAssignment,
    asking: Asking,
    /// It locks its door and its mail slots when told to.
    locks: bool,
}

impl<T: Transport> SmcChanger<T> {
    /// Learns who the library is and what it has. Unit attentions from before are passed over: whoever opens a library
    /// knows nothing of it yet.
    ///
    /// Errors: `Unsupported` if it is no medium changer.
    pub fn new(mut transport: T) -> Result<SmcChanger<T>> {
        let identify = |error| DriveError::from_scsi(Operation::Identify, error);
        let inquiry = inquiry::inquiry(&mut transport).map_err(identify)?;
        if inquiry.device_type != DeviceType::MediumChanger {
            let what = match inquiry.device_type {
                DeviceType::SequentialAccess => "a tape drive",
                _ => "another kind of device",
            };
            let message = format!("{} {} is {what}, no tape library", inquiry.vendor, inquiry.product);
            return Err(DriveError::new(DriveErrorKind::Unsupported, Operation::Identify, message));
        }
        let serial = vpd::serial_number(&mut transport, vpd::UNIT_SERIAL_NUMBER).map_err(identify)?;
        pass_over_attentions(&mut transport).map_err(identify)?;
        let elements = mode_page(&mut transport, element_address_assignment::CODE)?
            .and_then(|page| ElementAddressAssignment::decode(&page).ok())
            // Then all addresses are asked for.
            .unwrap_or(ElementAddressAssignment { ranges: [Range { first: 0, count: u16::MAX }; 4] });
        let capabilities = mode_page(&mut transport, device_capabilities::CODE)?
            .and_then(|page| DeviceCapabilities::decode(&page).ok())
            .unwrap_or_else(DeviceCapabilities::usual);
        let locks = release(&mut transport).map_err(identify)?;
        let identity = ChangerIdentity {
            vendor: inquiry.vendor,
            product: inquiry.product,
            revision: inquiry.revision,
            serial: serial.unwrap_or_default(),
        };
        Ok(SmcChanger { transport, identity, capabilities, elements, asking: Asking::default(), locks })
    }

    /// The gripper's address; 0 lets the library choose.
    fn gripper(&self) -> u16 {
        match self.elements.of(ElementKind::Transport) {
            Range { first, count: 1.. } if first != 0 => first,
            _ => 0,
        }
    }

    /// Sends the robot on its way, and keeps people from its door and its mail slots meanwhile.
    ///
    /// What a library has to tell is told by the lock already: then nothing was moved.
    fn send(&mut self, command: impl FnOnce(&mut T, u16) -> Result<(), ScsiError>) -> Result<(), ScsiError> {
        let gripper = self.gripper();
        if !self.locks {
            return command(&mut self.transport, gripper);
        }
        match motion::run(&mut self.transport, &motion::removal_command(Prevent::Removal)) {
            Ok(()) => {}
            Err(error @ ScsiError::Check(Sense { key: SenseKey::UnitAttention, .. })) => return Err(error),
            // It cannot be locked now; whether it can move is another question.
            Err(ScsiError::Check(_) | ScsiError::Status(_)) => return command(&mut self.transport, gripper),
            Err(error) => return Err(error),
        }
        let done = command(&mut self.transport, gripper);
        // What became of the cartridge is the answer; whatever else is wrong the next command tells.
        let _ = release(&mut self.transport);
        done
    }
}

/// Unlocks the library, as whoever used it before may have left it locked. `false` if it has no lock.
fn release(transport: &mut dyn Transport) -> Result<bool, ScsiError> {
    for _ in 0..ATTENTIONS {
        match motion::run(transport, &motion::removal_command(Prevent::Nothing)) {
            // It was not carried out, and must be.
            Err(ScsiError::Check(sense)) if sense.key == SenseKey::UnitAttention => {}
            Err(ScsiError::Check(sense)) if sense.key == SenseKey::IllegalRequest => return Ok(false),
            Ok(()) | Err(ScsiError::Check(_) | ScsiError::Status(_)) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Asks for readiness until no unit attention is left. That it is not ready is no matter here.
fn pass_over_attentions(transport: &mut dyn Transport) -> Result<(), ScsiError> {
    for _ in 0..ATTENTIONS {
        match test_unit_ready::test_unit_ready(transport) {
            Err(ScsiError::Check(sense)) if sense.key == SenseKey::UnitAttention => {}
            Ok(()) | Err(ScsiError::Check(_) | ScsiError::Status(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A mode page of current values; `None` if the library does not have it, or is not in the mood to tell.
fn mode_page(transport: &mut dyn Transport, code: u8) -> Result<Option<Vec<u8>>> {
    match mode::mode_page(transport, PageCode(code, 0)) {
        Ok(page) => Ok(Some(page)),
        Err(ScsiError::Transport(error)) => Err(DriveError::from_scsi(Operation::ModeSense, error.into())),
        Err(_) => Ok(None),
    }
}

impl<T: Transport> Changer for SmcChanger<T> {
    fn identity(&self) -> &ChangerIdentity {
        &self.identity
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities
    }

    fn inventory(&mut self) -> Result<Inventory> {
        read_inventory(&mut self.transport, &self.elements, &mut self.asking)
            .map_err(|error| DriveError::from_scsi(Operation::Inventory, error))
    }

    fn rescan(&mut self) -> Result<()> {
        let done = initialize_element_status::initialize_element_status(&mut self.transport);
        done.map_err(|error| DriveError::from_scsi(Operation::Inventory, error))
    }

    fn move_medium(&mut self, from: ElementAddress, to: ElementAddress) -> Result<()> {
        self.send(|transport, gripper| move_medium::move_medium(transport, gripper, from.0, to.0)).map_err(moving)
    }

    fn exchange(&mut self, from: ElementAddress, to: ElementAddress, then: ElementAddress) -> Result<()> {
        self.send(|transport, gripper| move_medium::exchange_medium(transport, gripper, from.0, to.0, then.0))
            .map_err(moving)
    }
}

/// What went wrong with a move. Between which elements, and what people call them, the caller knows.
fn moving(error: ScsiError) -> DriveError {
    let error = DriveError::from_scsi(Operation::Move, error);
    let message = match error.sense {
        Some(sense) if (sense.asc, sense.ascq) == (0x21, 0x01) => {
            "the library has no such element; look at its inventory".to_owned()
        }
        _ if error.kind == DriveErrorKind::Aborted => {
            format!("{}; look at the library's inventory to see whether anything was moved", error.message)
        }
        _ => return error,
    };
    error.saying(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_scsi::transport::{Scripted, Step};

    /// An answer to INQUIRY of a device of this type.
    pub(in crate::smc) fn who(device_type: u8) -> Step {
        let mut answer = [0u8; 36];
        (answer[0], answer[1], answer[4]) = (device_type, 0x80, 31);
        answer[8..36].copy_from_slice(b"STK     L700            0001");
        Step::on(&[0x12, 0]).data(&answer)
    }

    /// What is asked when a library is opened that was just switched on: serial number, unit attention, two mode pages; and
    /// its lock is released.
    pub(in crate::smc) fn opening() -> Vec<Step> {
        let attention = Sense::new(SenseKey::UnitAttention, 0x29, 0);
        let addresses = [23, 0, 0, 0, 0x1d, 18, 1, 0xf4, 0, 1, 3, 0xe8, 0, 2, 2, 0x58, 0, 1, 0, 1, 0, 1, 0, 0];
        let capabilities = [23, 0, 0, 0, 0x1f, 18, 14, 0, 0, 14, 14, 14, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0];
        vec![
            who(8),
            Step::on(&[0x12, 1, 0x80]).data(b"\x08\x80\x00\x0aLABCHG0001"),
            Step::on(&[0]).check(attention),
            Step::on(&[0]),
            Step::on(&[0x1a, 0x08, 0x1d]).data(&addresses),
            Step::on(&[0x1a, 0x08, 0x1f]).data(&capabilities),
            Step::on(&[0x1e, 0, 0, 0, 0]),
        ]
    }

    #[test]
    fn a_library_is_opened_and_moves_cartridges() {
        let script = Scripted::new(opening());
        let mut changer = SmcChanger::new(script.clone()).unwrap();
        assert_eq!((changer.identity().product.as_str(), changer.identity().serial.as_str()), ("L700", "LABCHG0001"));
        assert!(changer.capabilities().can_move(ElementKind::Storage, ElementKind::Drive));
        assert!(changer.capabilities().can_exchange(ElementKind::Storage, ElementKind::Drive));
        assert!(!changer.capabilities().can_exchange(ElementKind::Drive, ElementKind::Storage));
        script.then([
            Step::on(&[0x1e, 0, 0, 0, 1]),
            Step::on(&[0xa5, 0, 1, 0xf4, 3, 0xe8, 0, 1]),
            // Somebody used the mail slot meanwhile: it is unlocked all the same.
            Step::on(&[0x1e, 0, 0, 0, 0]).check(Sense::new(SenseKey::UnitAttention, 0x28, 0x01)),
            Step::on(&[0x1e, 0, 0, 0, 0]),
            Step::on(&[0x1e, 0, 0, 0, 1]),
            Step::on(&[0xa6, 0, 1, 0xf4, 3, 0xe9, 0, 1, 3, 0xe8]),
            Step::on(&[0x1e, 0, 0, 0, 0]),
            Step::on(&[0x07]),
        ]);
        changer.move_medium(ElementAddress(1000), ElementAddress(1)).unwrap();
        changer.exchange(ElementAddress(1001), ElementAddress(1), ElementAddress(1000)).unwrap();
        changer.rescan().unwrap();
        script.finished();
    }

    #[test]
    fn a_library_that_tells_little_is_opened_too() {
        let refused = Sense::new(SenseKey::IllegalRequest, 0x20, 0);
        let unready = Sense::new(SenseKey::NotReady, 0x04, 0x01);
        let script = Scripted::new([
            who(8),
            Step::on(&[0x12, 1, 0x80]).check(Sense::new(SenseKey::IllegalRequest, 0x24, 0)),
            Step::on(&[0]).check(unready),
            Step::on(&[0x1a]).check(refused),
            Step::on(&[0x5a]).check(refused),
            Step::on(&[0x1a]).check(refused),
            Step::on(&[0x5a]).check(refused),
            Step::on(&[0x1e, 0, 0, 0, 0]).check(refused),
            // No gripper is known: the library is to choose.
            Step::on(&[0xa5, 0, 0, 0, 0, 1, 0, 2]),
        ]);
        let mut changer = SmcChanger::new(script.clone()).unwrap();
        assert_eq!(changer.identity().serial, "");
        changer.move_medium(ElementAddress(1), ElementAddress(2)).unwrap();
        script.finished();
    }

    #[test]
    fn news_that_the_lock_tells_keep_the_robot_where_it_is() {
        let script = Scripted::new(opening());
        let mut changer = SmcChanger::new(script.clone()).unwrap();
        script.then([Step::on(&[0x1e, 0, 0, 0, 1]).check(Sense::new(SenseKey::UnitAttention, 0x28, 0x01))]);
        let error = changer.move_medium(ElementAddress(1000), ElementAddress(1)).unwrap_err();
        assert_eq!(error.kind, DriveErrorKind::MediumChanged, "{error}");
        script.finished();
    }

    #[test]
    fn a_drive_is_no_library() {
        let error = SmcChanger::new(Scripted::new([who(1)])).unwrap_err();
        assert_eq!(error.kind, DriveErrorKind::Unsupported);
        assert!(error.message.contains("is a tape drive"), "{error}");
    }

    #[test]
    fn failed_moves_say_what_to_do() {
        let script = Scripted::new(opening());
        let mut changer = SmcChanger::new(script.clone()).unwrap();
        for (asc, ascq, kind, words) in [
            (0x3b, 0x0d, DriveErrorKind::ElementState, "already holds a cartridge"),
            (0x3b, 0x0e, DriveErrorKind::ElementState, "holds no cartridge"),
            (0x53, 0x03, DriveErrorKind::ElementState, "unload it first"),
            (0x21, 0x01, DriveErrorKind::IllegalRequest, "no such element"),
        ] {
            script.then([
                Step::on(&[0x1e, 0, 0, 0, 1]),
                Step::on(&[0xa5]).check(Sense::new(SenseKey::IllegalRequest, asc, ascq)),
                Step::on(&[0x1e, 0, 0, 0, 0]),
            ]);
            let error = changer.move_medium(ElementAddress(1000), ElementAddress(1)).unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.message.contains(words), "{error}");
        }
        let timeout = tape_scsi::TransportError::TimedOut(std::time::Duration::from_secs(1800));
        script.then([Step::on(&[0x1e, 0, 0, 0, 1]), Step::on(&[0xa5]).lost(timeout), Step::on(&[0x1e, 0, 0, 0, 0])]);
        let error = changer.move_medium(ElementAddress(1000), ElementAddress(1)).unwrap_err();
        assert_eq!(error.kind, DriveErrorKind::Aborted);
        assert!(error.message.contains("look at the library's inventory"), "{error}");
    }
}
