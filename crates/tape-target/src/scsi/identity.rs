//! INQUIRY and its pages.

use super::{Answer, Outcome, byte, cut, invalid_field};
use tape_scsi::TapeAlert;
use tape_scsi::command::inquiry::designator::{Association, Designator, DesignatorKind};
use tape_scsi::command::inquiry::vpd::{self, SequentialAccessCapabilities};
use tape_scsi::command::inquiry::{self, DeviceType, Inquiry};

/// Who a logical unit says it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub device_type: DeviceType,
    pub vendor: String,
    pub product: String,
    pub revision: String,
    pub serial: String,
    /// The bay of the library that a drive is in.
    pub bay: Option<Bay>,
}

/// Where a drive is.
#[derive(Debug, Clone)]
pub(crate) struct Bay {
    pub library_serial: String,
    pub element: u16,
}

const VERSION_SPC4: u8 = 0x06;
/// Version descriptors (SPC-4, 6.6.5): SAM-4, iSCSI, SPC-4, SSC-3 or SMC-3.
const SAM4: u16 = 0x0080;
const ISCSI: u16 = 0x0960;
const SPC4: u16 = 0x0460;
const SSC3: u16 = 0x0400;
const SMC3: u16 = 0x0480;

impl Identity {
    /// INQUIRY (SPC-5, 6.7).
    pub fn inquiry(&self, cdb: &[u8]) -> Outcome {
        let (evpd, page) = (byte(cdb, 1) & 1 != 0, byte(cdb, 2));
        let data = match (evpd, page) {
            (false, 0) => self.standard(),
            (true, page) => vpd::encode(self.device_type, page, &self.page(page).ok_or_else(invalid_field)?),
            (false, _) => return Err(invalid_field()),
        };
        Ok(Answer::data(cut(data, cdb, 3, 2)))
    }

    fn is_drive(&self) -> bool {
        self.device_type == DeviceType::SequentialAccess
    }

    fn standard(&self) -> Vec<u8> {
        let mut data = inquiry::encode(&Inquiry {
            qualifier: 0,
            device_type: self.device_type,
            removable: true,
            version: VERSION_SPC4,
            vendor: self.vendor.clone(),
            product: self.product.clone(),
            revision: self.revision.clone(),
        })
        .to_vec();
        data.resize(96, 0);
        // HISUP and response data format 2; CMDQUE.
        data[3] = 0x12;
        data[4] = 91;
        data[7] = 0x02;
        let specific = if self.is_drive() { SSC3 } else { SMC3 };
        for (place, version) in data[58..].chunks_exact_mut(2).zip([SAM4, ISCSI, SPC4, specific]) {
            place.copy_from_slice(&version.to_be_bytes());
        }
        data
    }

    fn page(&self, page: u8) -> Option<Vec<u8>> {
        Some(match page {
            vpd::SUPPORTED_PAGES => self.pages(),
            vpd::UNIT_SERIAL_NUMBER => self.serial.clone().into_bytes(),
            vpd::DEVICE_IDENTIFICATION => self.designators(),
            vpd::SEQUENTIAL_ACCESS_CAPABILITIES if self.is_drive() => {
                SequentialAccessCapabilities { worm: true, tape_alert_per_host: false }.encode().to_vec()
            }
            vpd::MANUFACTURER_SERIAL_NUMBER if self.is_drive() => self.serial.clone().into_bytes(),
            vpd::TAPE_ALERT_SUPPORTED if self.is_drive() => {
                vpd::encode_tape_alert_flags(&TapeAlert::all().collect::<Vec<_>>()).to_vec()
            }
            vpd::AUTOMATION_SERIAL_NUMBER => self.bay.as_ref()?.library_serial.clone().into_bytes(),
            vpd::DATA_TRANSFER_ELEMENT => {
                let [high, low] = self.bay.as_ref()?.element.to_be_bytes();
                vec![0, 0, high, low]
            }
            _ => return None,
        })
    }

    fn pages(&self) -> Vec<u8> {
        let mut pages = vec![vpd::SUPPORTED_PAGES, vpd::UNIT_SERIAL_NUMBER, vpd::DEVICE_IDENTIFICATION];
        if self.is_drive() {
            pages.extend([
                vpd::SEQUENTIAL_ACCESS_CAPABILITIES,
                vpd::MANUFACTURER_SERIAL_NUMBER,
                vpd::TAPE_ALERT_SUPPORTED,
            ]);
        }
        if self.bay.is_some() {
            pages.extend([vpd::AUTOMATION_SERIAL_NUMBER, vpd::DATA_TRANSFER_ELEMENT]);
        }
        pages
    }

    fn designators(&self) -> Vec<u8> {
        let name = Designator {
            association: Association::LogicalUnit,
            code_set: 1,
            kind: DesignatorKind::Naa,
            bytes: self.world_wide_name().to_vec(),
        };
        let mut bytes = Vec::new();
        Designator::t10(&self.vendor, &self.product, &self.serial).encode(&mut bytes);
        name.encode(&mut bytes);
        bytes
    }

    /// A locally assigned NAA name (type 3, SPC-5 7.7.6.6.4), made of the serial number (FNV-1a), so that it stays.
    fn world_wide_name(&self) -> [u8; 8] {
        let hash = self
            .serial
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        (0x3 << 60 | hash >> 4).to_be_bytes()
    }
}
