//! What a search for devices finds.

use crate::ElementAddress;
use crate::changer::{ElementKind, Inventory};
use crate::lto::Generation;
use serde::{Deserialize, Serialize};

/// Kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// A tape drive, to be opened by [`crate::open_drive`].
    Drive,
    /// A library's robot, to be opened by [`crate::open_changer`].
    Changer,
}

/// A device that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDevice {
    /// Drive or changer.
    pub kind: DeviceKind,
    /// The path that opens it: the one that stays the same over restarts, where there is such a one.
    pub device_path: String,
    /// All paths that lead to it, `device_path` included.
    pub paths: Vec<String>,
    /// T10 vendor identification.
    pub vendor: String,
    /// Product identification.
    pub product: String,
    /// Firmware revision.
    pub revision: String,
    /// Unit serial number; empty if it does not tell.
    pub serial: String,
    /// World wide and other names of it, as `naa.…`.
    pub names: Vec<String>,
    /// LTO generation of a drive, where its product name tells.
    pub generation: Option<Generation>,
    /// SCSI address of the target that it is a logical unit of (`host:channel:id`), for real devices.
    pub target: Option<String>,
    /// For a drive in a library: its element address.
    pub element: Option<ElementAddress>,
    /// For a drive in a library: the serial number of the library's changer.
    pub changer_serial: Option<String>,
    /// Why it cannot be used as things are, and what to do.
    pub problem: Option<String>,
}

impl FoundDevice {
    /// Whether it is the device that was made known by this path, or with this serial number.
    pub fn is(&self, device_path: &str, serial: Option<&str>) -> bool {
        self.device_path == device_path
            || self.paths.iter().any(|path| path == device_path)
            || serial.is_some_and(|serial| !serial.is_empty() && serial == self.serial)
    }
}

/// Notes for each drive in which bay of this changer it sits, if it does.
///
/// The library tells the drives' serial numbers or names. If one bay is left of which it does not, and one drive on the
/// changer's own target that no bay has, then that is where it sits: autoloaders with one drive are often so.
pub fn place(found: &mut [FoundDevice], changer: &FoundDevice, inventory: &Inventory) {
    for bay in inventory.of(ElementKind::Drive) {
        let Some(name) = bay.drive_serial.as_deref().filter(|name| !name.is_empty()) else { continue };
        let sits_here = |device: &&mut FoundDevice| {
            device.kind == DeviceKind::Drive
                && (device.serial == name || device.names.iter().any(|known| known == name))
        };
        if let Some(drive) = found.iter_mut().find(sits_here) {
            drive.element = Some(bay.address);
            drive.changer_serial = Some(changer.serial.clone());
        }
    }
    let mut nameless = inventory.of(ElementKind::Drive).filter(|bay| bay.drive_serial.is_none());
    let (Some(bay), None, Some(_)) = (nameless.next(), nameless.next(), &changer.target) else { return };
    let mut left = found.iter_mut().filter(|device| {
        device.kind == DeviceKind::Drive && device.element.is_none() && device.target == changer.target
    });
    if let (Some(drive), None) = (left.next(), left.next()) {
        drive.element = Some(bay.address);
        drive.changer_serial = Some(changer.serial.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Element;

    fn device(kind: DeviceKind, serial: &str, target: &str) -> FoundDevice {
        FoundDevice {
            kind,
            device_path: format!("/dev/tape/by-id/scsi-{serial}"),
            paths: vec![format!("/dev/tape/by-id/scsi-{serial}"), "/dev/sg1".into()],
            vendor: "IBM".into(),
            product: "ULT3580-TD6".into(),
            revision: "0001".into(),
            serial: serial.into(),
            names: vec![format!("naa.5000{}", serial.to_lowercase())],
            generation: None,
            target: Some(target.into()),
            element: None,
            changer_serial: None,
            problem: None,
        }
    }

    fn bay(address: u16, drive_serial: Option<&str>) -> Element {
        let drive_serial = drive_serial.map(str::to_owned);
        Element { drive_serial, ..Element::empty(ElementAddress(address), ElementKind::Drive) }
    }

    fn placed(found: &[FoundDevice]) -> Vec<Option<u16>> {
        found.iter().map(|device| device.element.map(|element| element.0)).collect()
    }

    #[test]
    fn drives_sit_where_their_serial_number_or_name_is() {
        let changer = device(DeviceKind::Changer, "CHG", "0:0:0");
        let mut found = ["D1", "D2", "D3"].map(|serial| device(DeviceKind::Drive, serial, "1:0:0"));
        let inventory = Inventory { elements: vec![bay(256, Some("naa.5000d2")), bay(257, Some("D1"))] };
        place(&mut found, &changer, &inventory);
        assert_eq!(placed(&found), [Some(257), Some(256), None]);
        assert_eq!(found[0].changer_serial.as_deref(), Some("CHG"));
    }

    #[test]
    fn the_last_bay_has_the_last_drive_of_the_same_target() {
        let changer = device(DeviceKind::Changer, "CHG", "0:0:0");
        let inventory = Inventory { elements: vec![bay(1, Some("D1")), bay(2, None)] };
        let mut found = [
            device(DeviceKind::Drive, "D1", "0:0:0"),
            device(DeviceKind::Drive, "D2", "0:0:0"),
            device(DeviceKind::Drive, "ELSEWHERE", "1:0:0"),
        ];
        place(&mut found, &changer, &inventory);
        assert_eq!(placed(&found), [Some(1), Some(2), None]);
        // Two that are left: nobody knows which of them it is.
        let mut found = ["D2", "D3"].map(|serial| device(DeviceKind::Drive, serial, "0:0:0"));
        place(&mut found, &changer, &inventory);
        assert_eq!(placed(&found), [None, None]);
        // A serial number that no drive has: another drive is there.
        let inventory = Inventory { elements: vec![bay(1, Some("GONE"))] };
        let mut found = [device(DeviceKind::Drive, "D2", "0:0:0")];
        place(&mut found, &changer, &inventory);
        assert_eq!(placed(&found), [None]);
    }

    #[test]
    fn known_by_any_path_or_by_its_serial_number() {
        let drive = device(DeviceKind::Drive, "D1", "0:0:0");
        assert!(drive.is("/dev/sg1", None) && drive.is("/dev/nst9", Some("D1")));
        assert!(!drive.is("/dev/sg2", Some("")) && !drive.is("/dev/sg2", Some("D2")));
    }
}
