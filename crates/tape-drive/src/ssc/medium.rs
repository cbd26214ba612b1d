//! The cartridge in the drive, its memory, and the settings that concern it.

use super::SscDrive;
use crate::drive::*;
use crate::*;
use tape_scsi::command::mode::{self, ModeData, ModeForm, PageCode, Values};
use tape_scsi::command::report_density_support::{Of, report_density_support};
use tape_scsi::command::{attribute, inquiry::vpd};
use tape_scsi::mode_page::{DataCompression, DeviceConfigurationExtension};
use tape_scsi::{Attribute, ScsiError, Transport, attribute_id};

/// The unit of capacities in the cartridge memory.
const MIB: u64 = 1 << 20;

impl<T: Transport> SscDrive<T> {
    /// Write protection, density, block length.
    pub(super) fn header(&mut self) -> Result<ModeData> {
        self.header_for(Operation::ModeSense)
    }

    pub(super) fn header_for(&mut self, operation: Operation) -> Result<ModeData> {
        self.sense_page(PageCode(0, 0)).map_err(|error| self.failed(operation, error))
    }

    /// A mode page, by the shorter command where the drive knows it.
    fn sense_page(&mut self, page: PageCode) -> Result<ModeData, ScsiError> {
        match mode::mode_sense(&mut self.transport, self.mode_form, page, Values::Current) {
            Err(error) if error.is_unknown_command() && self.mode_form == ModeForm::Six => {
                self.mode_form = ModeForm::Ten;
                mode::mode_sense(&mut self.transport, self.mode_form, page, Values::Current)
            }
            result => result,
        }
    }

    /// The same; `None` if the drive does not have the page.
    fn optional_page(&mut self, page: PageCode) -> Result<Option<ModeData>> {
        match self.sense_page(page) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.is_unknown_field() || error.is_unknown_command() => Ok(None),
            Err(error) => Err(self.failed(Operation::ModeSense, error)),
        }
    }

    fn select_page(&mut self, data: ModeData, page: &[u8]) -> Result<()> {
        // No block descriptor: what is not sent does not change.
        let data = ModeData { page: page.to_vec(), block_descriptor: None, ..data };
        let form = self.mode_form;
        mode::mode_select(&mut self.transport, form, &data).map_err(|error| self.failed(Operation::ModeSelect, error))
    }

    pub(super) fn compress(&mut self, compression: Compression) -> Result<()> {
        let data = self.optional_page(DataCompression::CODE)?;
        let page = data.as_ref().map(|data| DataCompression::decode(&data.page));
        let (Some(data), Some(Ok(page))) = (data.clone(), page) else {
            return match compression {
                // A drive that cannot compress does not.
                Compression::Off => Ok(()),
                Compression::On => Err(no_such("this drive does not compress; let the program compress")),
            };
        };
        let on = compression == Compression::On;
        if page.enabled() == on {
            return Ok(());
        }
        if on && !page.capable() {
            return Err(no_such("this drive does not compress; let the program compress"));
        }
        self.select_page(data, page.with_enabled(on).bytes())
    }

    pub(super) fn warn_early(&mut self, bytes: u64) -> Result<()> {
        let data = self.optional_page(DeviceConfigurationExtension::CODE)?;
        let page = data.as_ref().map(|data| DeviceConfigurationExtension::decode(&data.page));
        let (Some(data), Some(Ok(page))) = (data.clone(), page) else {
            return match bytes {
                0 => Ok(()),
                _ => Err(no_such("this drive has no programmable early warning")),
            };
        };
        let page = page.with_programmable_early_warning(bytes);
        self.select_page(data, page.bytes())
    }

    pub(super) fn describe_medium(&mut self) -> Result<Medium> {
        let header = self.header()?;
        let density = header.block_descriptor.map_or(0, |descriptor| descriptor.density);
        let memory = match attribute::read_attributes(&mut self.transport) {
            Ok(memory) => memory,
            Err(error) if error.is_unknown_command() || error.is_unknown_field() => Vec::new(),
            Err(error) => return Err(self.failed(Operation::ReadAttribute, error)),
        };
        let find = |id| memory.iter().find(|attribute| attribute.id == id);
        let text = |id| find(id).and_then(Attribute::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let mebibytes = |id| find(id).and_then(Attribute::as_number).and_then(|number| number.checked_mul(MIB));
        let format = lto::format_of_density(density);
        Ok(Medium {
            // SPC-5, 7.4.2.3.9: 00h data, 01h cleaning, 80h write once.
            kind: match find(attribute_id::MEDIUM_TYPE).and_then(Attribute::as_number) {
                Some(0x01) => MediumKind::Cleaning,
                Some(0x80) => MediumKind::Worm,
                _ => MediumKind::Data,
            },
            density,
            capacity_bytes: mebibytes(attribute_id::MAXIMUM_CAPACITY)
                .or(format.map(|format| format.capacity_bytes))
                .unwrap_or(0),
            remaining_bytes: mebibytes(attribute_id::REMAINING_CAPACITY),
            write_protected: header.write_protected,
            serial: text(attribute_id::MEDIUM_SERIAL),
            barcode: text(attribute_id::BARCODE),
        })
    }

    pub(super) fn attribute(&mut self, id: u16) -> Result<Option<Attribute>> {
        match attribute::read_attribute(&mut self.transport, id) {
            // A cartridge without memory, as far as this drive is concerned, has no attributes.
            Err(error) if error.is_unknown_command() => Ok(None),
            result => result.map_err(|error| self.failed(Operation::ReadAttribute, error)),
        }
    }

    pub(super) fn put_attribute(&mut self, attribute: &Attribute) -> Result<()> {
        let operation = Operation::WriteAttribute;
        let data = attribute::encode(std::slice::from_ref(attribute))
            .map_err(|error| DriveError::new(DriveErrorKind::IllegalRequest, operation, error.to_string()))?;
        attribute::write_attributes(&mut self.transport, &data).map_err(|error| self.failed(operation, error))
    }

    pub(super) fn abilities(&mut self) -> Result<Capabilities> {
        let compression = self.optional_page(DataCompression::CODE)?;
        let compression = compression.and_then(|data| DataCompression::decode(&data.page).ok());
        let extension = self.optional_page(DeviceConfigurationExtension::CODE)?;
        let extension = extension.and_then(|data| DeviceConfigurationExtension::decode(&data.page).ok());
        let worm = vpd::read(&mut self.transport, vpd::SEQUENTIAL_ACCESS_CAPABILITIES)
            .map_err(|error| self.failed(Operation::Identify, error))?
            .and_then(|content| vpd::SequentialAccessCapabilities::decode(&content).ok());
        let densities = match report_density_support(&mut self.transport, Of::Drive) {
            Ok(densities) => densities,
            Err(error) if error.is_unknown_command() || error.is_unknown_field() => Vec::new(),
            Err(error) => return Err(self.failed(Operation::Identify, error)),
        };
        Ok(Capabilities {
            encryption: self.algorithm()?.is_some(),
            densities: densities
                .into_iter()
                .map(|density| SupportedDensity {
                    code: density.primary,
                    writable: density.writable,
                    name: density.name,
                })
                .collect(),
            compression: compression.is_some_and(|page| page.capable()),
            programmable_early_warning: extension.is_some(),
            worm: worm.is_some_and(|page| page.worm),
        })
    }
}

fn no_such(message: &str) -> DriveError {
    DriveError::new(DriveErrorKind::Unsupported, Operation::ModeSelect, message)
}
