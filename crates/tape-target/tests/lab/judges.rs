//! Programs that are not ours read the same drive as our decoders, and must find the same: `sg_inq`, `sg_vpd`, `sg_logs`,
//! `sg_read_attr`, `sg_persist`, `mt`, `mtx` and `stenc`. What nobody else tells is listed in docs/hardware.md.

use crate::harness::Lab;
use crate::house::*;
use std::path::Path;
use tape_drive::{Compression, DriveKey, FilemarkSync, Position, ReadOutcome};
use tape_scsi::command::inquiry::{designator::DesignatorKind, inquiry, vpd};
use tape_scsi::command::persistent_reserve::{self as reserve, ReservationType, ReserveAction};
use tape_scsi::command::read_element_status::{self as element_status, ElementKind, ElementStatus};
use tape_scsi::command::{attribute, log_sense, report_density_support as density, security_protocol};
use tape_scsi::log::{self, LogPage};
use tape_scsi::transport::{SgIo, Sharing};
use tape_scsi::{TapeAlert, attribute_id as id};

const DRIVE: &str = "/dev/sg1";
const CHANGER: &str = "/dev/sg0";

#[test]
fn other_programs_find_what_our_decoders_find() {
    let Some(lab) = Lab::with(&["--backend", "none"]) else { return };
    lab.inside("judges::inside");
}

/// The life of a drive that has seen something.
fn old(dir: &Path) {
    let file = dir.join("library.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    state["drives"][0]["health"] = serde_json::json!({
        "bytes_written": 123_000_000_000_u64, "bytes_read": 77_000_000_000_u64, "write_errors": 3, "read_errors": 2,
        "bytes_received": 311_000_000_000_u64, "bytes_sent": 201_000_000_000_u64, "recovered_errors": 29,
        "rewrites": 41, "rereads": 17, "load_count": 78, "cleanings": 9, "power_on_hours": 1234,
        "motion_hours": 567.0, "temperature_c": 37, "power_cycles": 12, "cleaning_required": true,
    });
    std::fs::write(file, serde_json::to_vec(&state).unwrap()).unwrap();
}

#[test]
#[ignore = "runs inside the lab"]
fn inside() {
    let house = House::filled(&["VTL001L9", "VTL002L9", "CLNU01L1"], 64 << 20, old);
    ok("mtx -f /dev/sg0 load 1 0");
    let mut drive = quiet(DRIVE);
    // Some of each block can be compressed.
    drive.set_compression(Compression::On).unwrap();
    let mut block = vec![0; 1 << 20];
    for number in 0..20 {
        openssl::rand::rand_bytes(&mut block[..(30 - number) << 14]).unwrap();
        drive.write_block(&block).unwrap();
    }
    drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
    drive.locate(Position::block(4)).unwrap();
    for _ in 0..7 {
        drive.read_block(&mut block).unwrap();
    }
    drive.set_compression(Compression::Off).unwrap();
    drop(drive);
    house.target.alert(FIRST_DRIVE, TapeAlert::MEDIA);
    let mut judge = Judge { agreed: 0, wrong: Vec::new() };
    judge.identity();
    judge.elements();
    judge.logs();
    judge.alerts(&house);
    judge.attributes();
    judge.reservations();
    judge.positions();
    judge.encryption();
    judge.densities();
    println!("{} values agree", judge.agreed);
    assert!(judge.wrong.is_empty(), "{:#?}", judge.wrong);
    assert!(judge.agreed >= 240, "only {} values were compared", judge.agreed);
}

struct Judge {
    agreed: usize,
    wrong: Vec<String>,
}

/// The drive, for our decoders.
fn sg() -> SgIo {
    SgIo::open(Path::new(DRIVE), Sharing::Shared).unwrap()
}

/// What a program prints behind a label, up to the end of its line.
fn behind<'a>(printed: &'a str, label: &str) -> Option<&'a str> {
    let line = printed.lines().map(str::trim).find(|line| line.starts_with(label))?;
    Some(line.get(label.len()..)?.trim_start_matches([':', '=', ' ']).trim())
}

impl Judge {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: T, theirs: T) {
        if ours == theirs {
            self.agreed += 1;
        } else {
            self.wrong.push(format!("{what}: we find {ours:?}, they {theirs:?}"));
        }
    }

    /// Their number behind a label is ours.
    fn number(&mut self, printed: &str, label: &str, ours: Option<u64>) {
        let theirs = behind(printed, label).and_then(|text| {
            let digits = text.strip_prefix("0x").map(|hex| (hex, 16)).unwrap_or((text, 10));
            let end = digits.0.find(|c: char| !c.is_digit(digits.1)).unwrap_or(digits.0.len());
            u64::from_str_radix(&digits.0[..end], digits.1).ok()
        });
        if theirs.is_none() {
            println!("{label} is not in:\n{printed}");
        }
        self.same(label, ours, theirs);
    }

    fn text(&mut self, printed: &str, label: &str, ours: &str) {
        self.same(label, Some(ours), behind(printed, label));
    }

    fn identity(&mut self) {
        let printed = ok(&format!("sg_inq {DRIVE}"));
        let ours = inquiry(&mut sg()).unwrap();
        self.text(&printed, "Vendor identification", &ours.vendor);
        self.text(&printed, "Product identification", &ours.product);
        self.text(&printed, "Product revision level", &ours.revision);
        let first = printed.lines().nth(1).unwrap_or_default().to_owned();
        for word in [format!("PDT={}", ours.device_type.bits()), format!("RMB={}", u8::from(ours.removable))] {
            self.same(&word.clone(), true, first.contains(&word));
        }
        self.same("version", true, first.contains(&format!("version=0x{:02x}", ours.version)));
        let serial = vpd::serial_number(&mut sg(), vpd::UNIT_SERIAL_NUMBER).unwrap().unwrap();
        self.text(&printed, "Unit serial number", &serial);
        self.text(&ok(&format!("sg_vpd -p 0x80 {DRIVE}")).replace("page:", ""), "Unit serial number:", &serial);
        let maker = vpd::serial_number(&mut sg(), vpd::MANUFACTURER_SERIAL_NUMBER).unwrap().unwrap();
        self.text(&ok(&format!("sg_vpd -p 0xb1 {DRIVE}")), "Manufacturer-assigned serial number", &maker);
        let printed = ok(&format!("sg_vpd -p 0x83 {DRIVE}"));
        for ours in vpd::designators(&mut sg()).unwrap() {
            match ours.kind {
                DesignatorKind::Naa => {
                    let hex: String = ours.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    self.same("NAA", true, printed.contains(&format!("0x{hex}")));
                }
                _ => self.same("T10", true, printed.contains(&serial)),
            }
        }
        let content = vpd::read(&mut sg(), vpd::SEQUENTIAL_ACCESS_CAPABILITIES).unwrap().unwrap();
        let worm = vpd::SequentialAccessCapabilities::decode(&content).unwrap().worm;
        self.number(&ok(&format!("sg_vpd -p 0xb0 {DRIVE}")), "WORM", Some(worm.into()));
        let content = vpd::read(&mut sg(), vpd::TAPE_ALERT_SUPPORTED).unwrap().unwrap();
        let theirs = ok(&format!("sg_vpd -p 0xb2 {DRIVE}")).matches("h: 1").count();
        self.same("TapeAlert flags that are supported", vpd::tape_alert_flags(&content).len(), theirs);
    }

    fn page(&mut self, code: u8) -> (LogPage, String) {
        (log_sense::log_sense(&mut sg(), code).unwrap(), ok(&format!("sg_logs -p {code:#x} {DRIVE}")))
    }

    fn logs(&mut self) {
        for code in [log::error_counters::WRITE, log::error_counters::READ] {
            let (page, printed) = self.page(code);
            let ours = log::ErrorCounters::read(&page);
            self.number(&printed, "Total bytes processed", ours.bytes);
            self.number(&printed, "Total uncorrected errors", ours.uncorrected);
            if code == 2 {
                self.number(&printed, "Total errors corrected", ours.corrected);
            }
        }
        let (page, printed) = self.page(log::sequential_access::CODE);
        let ours = log::SequentialAccess::read(&page);
        let gigabytes = |bytes: Option<u64>| bytes.map(|bytes| bytes / 1_000_000_000);
        self.number(&printed, "Data bytes received with WRITE commands", gigabytes(ours.received_bytes));
        self.number(&printed, "Data bytes written to media by WRITE commands", gigabytes(ours.written_bytes));
        self.number(&printed, "Data bytes read from media by READ commands", gigabytes(ours.read_bytes));
        self.number(&printed, "Data bytes transferred by READ commands", gigabytes(ours.sent_bytes));
        self.number(&printed, "Native capacity from BOP to EOD", ours.used_megabytes);
        self.number(&printed, "Native capacity from BOP to EW of current partition", ours.capacity_megabytes);
        let asked = ours.cleaning_requested.is_some_and(|asked| asked != 0);
        self.same("cleaning requested", asked, printed.contains("Cleaning action required"));
        let (page, printed) = self.page(log::temperature::CODE);
        self.number(&printed, "Current temperature", log::Temperature::read(&page).now.map(u64::from));
        self.status();
        let (page, printed) = self.page(log::tape_alert_response::CODE);
        let raised = log::tape_alert_response::read(&page).unwrap();
        for alert in TapeAlert::all() {
            // "Flag01h: 0  02h: 0 …"
            let flag = format!("{:02X}h: {}", alert.flag(), u8::from(raised.contains(&alert)));
            self.same(&flag.clone(), true, printed.contains(&flag));
        }
        self.same("an alert is raised", true, raised.contains(&TapeAlert::MEDIA));
        let (page, printed) = self.page(log::device_statistics::CODE);
        let ours = log::DeviceStatistics::read(&page);
        for (label, ours) in [
            ("Lifetime media loads", ours.media_loads),
            ("Lifetime cleaning operations", ours.cleanings),
            ("Lifetime power on hours", ours.power_on_hours),
            ("Lifetime media motion (head) hours", ours.motion_hours),
            ("Lifetime power cycles", ours.power_cycles),
            ("Hard write errors", ours.hard_write_errors),
            ("Hard read errors", ours.hard_read_errors),
        ] {
            self.number(&printed, label, ours);
        }
        let (page, printed) = self.page(log::volume_statistics::CODE);
        let ours = log::VolumeStatistics::read(&page);
        for (label, ours) in [
            ("Page valid", ours.valid),
            ("Thread count", ours.threads),
            ("Total unrecovered write errors", ours.unrecovered_write_errors),
            ("Total unrecovered read errors", ours.unrecovered_read_errors),
            ("Last mount megabytes written", ours.mount_megabytes_written),
            ("Last mount megabytes read", ours.mount_megabytes_read),
            ("Last load write compression ratio", ours.write_compression_percent),
            ("Last load read compression ratio", ours.read_compression_percent),
            ("Lifetime megabytes written", ours.megabytes_written),
            ("Lifetime megabytes read", ours.megabytes_read),
            ("Total native capacity [MB]", ours.capacity_megabytes),
            ("Total used native capacity [MB]", ours.used_megabytes),
            ("Write protect", ours.write_protected),
            ("WORM", ours.worm),
        ] {
            self.number(&printed, label, ours);
        }
        self.compression(log::data_compression::CODE);
        // What drives up to LTO-6 have in its place.
        self.compression(log::data_compression::OLDER);
        let (page, printed) = self.page(log::tape_capacity::CODE);
        let ours = log::TapeCapacity::read(&page);
        self.number(&printed, "Main partition remaining capacity (in MiB)", ours.remaining_mebibytes);
        self.number(&printed, "Main partition maximum capacity (in MiB)", ours.capacity_mebibytes);
        self.number(&printed, "Alternate partition maximum capacity (in MiB)", ours.second_capacity_mebibytes);
        self.usage();
    }

    fn compression(&mut self, code: u8) {
        let (page, printed) = self.page(code);
        let ours = log::DataCompression::read(&page);
        for (label, ours) in [
            ("Read compression ratio x100", ours.read_ratio_percent),
            ("Write compression ratio x100", ours.write_ratio_percent),
            ("Megabytes transferred to server", ours.sent_megabytes),
            ("Bytes transferred to server", ours.sent_bytes),
            ("Megabytes read from tape", ours.read_megabytes),
            ("Bytes read from tape", ours.read_bytes),
            ("Megabytes transferred from server", ours.received_megabytes),
            ("Bytes transferred from server", ours.received_bytes),
            ("Megabytes written to tape", ours.written_megabytes),
            ("Bytes written to tape", ours.written_bytes),
        ] {
            self.number(&printed, label, ours);
        }
    }

    /// What drives up to LTO-5 have in place of the volume statistics.
    fn usage(&mut self) {
        let (page, printed) = self.page(log::tape_usage::CODE);
        let ours = log::TapeUsage::read(&page);
        for (label, ours) in [
            ("Thread count", ours.threads),
            ("Total write retries", ours.write_retries),
            ("Total unrecovered write errors", ours.unrecovered_write_errors),
            ("Total read retries", ours.read_retries),
            ("Total unrecovered read errors", ours.unrecovered_read_errors),
        ] {
            self.number(&printed, label, ours);
        }
    }

    /// Each TapeAlert flag raised alone: `sg_logs` calls it what we call it. It reads first, as reading clears the page.
    fn alerts(&mut self, house: &House) {
        // What the standard has given another name, or a use, since that program was written.
        const NOW: [(u8, &str); 12] = [
            (17, "Read only format"),
            (20, "Cleaning required"),
            (21, "Cleaning requested"),
            (25, "Dual port interface error"),
            (26, "Cooling fan failing"),
            (29, "Drive maintenance"),
            (32, "Interface"),
            (34, "Microcode update fail"),
            (49, "Reserved (31h)"),
            (55, "Loading failure"),
            (47, "Reserved (2Fh)"),
            (48, "Reserved (30h)"),
        ];
        let raised = || {
            let printed = ok(&format!("sg_logs -p 0x2e {DRIVE}"));
            let lines = printed.lines().filter_map(|line| line.trim().strip_suffix(": 1"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        let name = |alert: TapeAlert| {
            let other = NOW.iter().find(|(flag, _)| *flag == alert.flag());
            other.map_or(alert.name(), |(_, name)| name).to_owned()
        };
        // What is there already is not raised once more.
        let before = [TapeAlert::MEDIA, TapeAlert::CLEAN_NOW];
        self.same("TapeAlert flags", before.map(name).to_vec(), raised());
        let named = |alert: &TapeAlert| !(40..=46).contains(&alert.flag()) && alert.flag() < 61;
        for alert in TapeAlert::all().filter(named).filter(|alert| !before.contains(alert)) {
            house.target.alert(FIRST_DRIVE, alert);
            self.same(&format!("TapeAlert {}", alert.flag()), vec![name(alert)], raised());
        }
    }

    /// What is where in the library, element by element, in `mtx`'s own numbers: slots from 1 on, then mail slots.
    fn elements(&mut self) {
        let mut changer = SgIo::open(Path::new(CHANGER), Sharing::Shared).unwrap();
        let fields = element_status::Fields { volume_tags: true, device_ids: false };
        let all = element_status::Request { kind: None, first: 0, count: 64, fields, without_motion: true };
        let elements = element_status::read_element_status(&mut changer, &all).unwrap().elements;
        let of = |kind| elements.iter().filter(move |element| element.kind == kind);
        let slots: Vec<_> = of(ElementKind::Storage).chain(of(ElementKind::ImportExport)).collect();
        let number = |address: u16| 1 + slots.iter().position(|slot| slot.address == address).unwrap();
        let tag = |element: &ElementStatus| element.primary.clone().unwrap_or_default().identifier;
        let printed = ok(&format!("mtx -f {CHANGER} status"));
        let theirs: Vec<String> = printed
            .lines()
            .filter(|line| line.contains("Element "))
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").replace(" = ", "="))
            .collect();
        let mut ours = Vec::new();
        for (index, drive) in of(ElementKind::Drive).enumerate() {
            ours.push(match (drive.full, drive.source) {
                (false, _) => format!("Data Transfer Element {index}:Empty"),
                (true, source) => format!(
                    "Data Transfer Element {index}:Full (Storage Element {} Loaded):VolumeTag={}",
                    number(source.unwrap()),
                    tag(drive)
                ),
            });
        }
        for slot in &slots {
            let mail = if slot.kind == ElementKind::ImportExport { " IMPORT/EXPORT" } else { "" };
            let full = if slot.full { "Full " } else { "Empty" };
            ours.push(format!("Storage Element {}{mail}:{full}:VolumeTag={}", number(slot.address), tag(slot)));
        }
        self.same("how many elements there are", ours.len(), theirs.len());
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            self.same("an element", ours, theirs);
        }
    }

    /// Flags of the DT device status page, which `sg_logs` prints by their names.
    fn status(&mut self) {
        let (page, printed) = self.page(log::dt_device_status::CODE);
        let ours = log::VeryHighFrequencyData::read(&page).unwrap();
        let flag = |name: &str| {
            let word = printed.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
            word.map(|value| value == "1")
        };
        let theirs = [flag("CRQST"), flag("CRQRD"), flag("MPRSNT"), flag("MOUNTED"), flag("WRTP")];
        let ours = [
            ours.cleaning_requested(),
            ours.cleaning_required(),
            ours.medium_present(),
            ours.mounted(),
            ours.write_protected(),
        ];
        self.same("status of the drive", ours.map(Some), theirs);
    }

    fn attributes(&mut self) {
        let printed = ok(&format!("sg_read_attr {DRIVE}"));
        let ours = attribute::read_attributes(&mut sg()).unwrap();
        let of = |id| ours.iter().find(|attribute| attribute.id == id);
        let number = |id| of(id).and_then(|attribute| attribute.as_number());
        for (label, id) in [
            ("Remaining capacity in partition [MiB]", id::REMAINING_CAPACITY),
            ("Maximum capacity in partition [MiB]", id::MAXIMUM_CAPACITY),
            ("TapeAlert flags", id::TAPE_ALERT_FLAGS),
            ("Load count", id::LOAD_COUNT),
            ("Format density code", id::FORMATTED_DENSITY),
            ("Total MiB written in medium life", id::TOTAL_WRITTEN),
            ("Total MiB read in medium life", id::TOTAL_READ),
            ("Medium density code", id::MEDIUM_DENSITY),
            ("Medium type", id::MEDIUM_TYPE),
        ] {
            self.number(&printed, label, number(id));
        }
        let serial = of(id::MEDIUM_SERIAL).and_then(|attribute| attribute.as_str()).unwrap_or_default().to_owned();
        self.text(&printed, "Medium serial number", &serial);
        let maker = of(id::MEDIUM_MANUFACTURER).and_then(|attribute| attribute.as_str()).unwrap_or_default().to_owned();
        self.text(&printed, "Medium manufacturer", &maker);
        let theirs = printed.lines().filter(|line| line.starts_with("  ")).count();
        self.same("how many attributes there are", ours.len(), theirs);
    }

    fn reservations(&mut self) {
        let keys = |sg: &mut SgIo| reserve::read_keys(sg).unwrap();
        self.same(
            "no key",
            (0, true),
            (keys(&mut sg()).len(), ok(&format!("sg_persist -k {DRIVE}")).contains("NO registered")),
        );
        // Theirs read by us, and ours by them.
        ok(&format!("sg_persist -o -G -S 0xabc123 {DRIVE}; sg_persist -o -R -T 3 -K 0xabc123 {DRIVE}"));
        self.same("their key", vec![0xabc123], keys(&mut sg()));
        let held = reserve::read_reservation(&mut sg()).unwrap().unwrap();
        self.same("who holds it", (0xabc123, ReservationType::ExclusiveAccess), (held.key, held.kind));
        let printed = ok(&format!("sg_persist -r {DRIVE}"));
        self.same(
            "what they read",
            true,
            printed.contains("Key=0xabc123") && printed.contains("type: Exclusive Access"),
        );
        ok(&format!("sg_persist -o -C -K 0xabc123 {DRIVE}"));
        reserve::reserve(&mut sg(), ReserveAction::Register, 0, 0xfeed).unwrap();
        self.same("our key", true, ok(&format!("sg_persist -k {DRIVE}")).contains("0xfeed"));
        reserve::reserve(&mut sg(), ReserveAction::Clear, 0xfeed, 0).unwrap();
        self.same(
            "none again",
            (Vec::<u64>::new(), true),
            (keys(&mut sg()), ok(&format!("sg_persist -k {DRIVE}")).contains("NO registered")),
        );
    }

    /// `mt` asks the kernel's driver, which asks the drive.
    fn positions(&mut self) {
        for command in ["rewind", "fsr 3", "eod", "seek 7", "bsr 2"] {
            ok(&format!("mt -f /dev/nst0 {command}"));
            let told = ok("mt -f /dev/nst0 tell");
            let mut drive = tape_drive::open_drive(DRIVE).unwrap();
            let ours = drive.position().unwrap();
            self.same(command, format!("At block {}.", ours.at.block), told.trim().to_owned());
            drop(drive);
            let status = ok("mt -f /dev/nst0 status");
            self.same("at the beginning", ours.beginning, status.contains("BOT"));
            self.same("density", true, status.contains("Density code 0x60"));
        }
    }

    fn encryption(&mut self) {
        let told = |sg: &mut SgIo| security_protocol::data_encryption_status(sg).unwrap();
        let printed = || ok(&format!("timeout 30 stenc -f {DRIVE} --detail"));
        let number = |text: &str| behind(text, "Key Instance Counter").and_then(|text| text.parse::<u32>().ok());
        let (ours, theirs) = (told(&mut sg()), printed());
        self.same(
            "encryption is off",
            (0, 0, true),
            (ours.encryption_mode, ours.decryption_mode, theirs.contains("Drive Encryption:        off")),
        );
        self.same("key instance", Some(ours.key_instance), number(&theirs));
        // A key of theirs, seen by us.
        ok(&format!(
            "head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n' > /tmp/key; echo >> /tmp/key; echo theirs >> /tmp/key; \
             timeout 30 stenc -f {DRIVE} -e mixed -a 1 -k /tmp/key"
        ));
        let (ours, theirs) = (told(&mut sg()), printed());
        self.same("their key is used", (2, 3), (ours.encryption_mode, ours.decryption_mode));
        self.same("key instance", Some(ours.key_instance), number(&theirs));
        let name = ours.associated.iter().any(|descriptor| descriptor.data.starts_with(b"theirs"));
        self.same("its name", true, name);
        ok(&format!("timeout 30 stenc -f {DRIVE} -e off"));
        // A key of ours, seen by them.
        let mut drive = quiet(DRIVE);
        drive.rewind().unwrap();
        drive.set_encryption(Some(&DriveKey::new([7; 32], b"ours").unwrap())).unwrap();
        drive.write_block(&[9; 65536]).unwrap();
        drive.write_filemarks(1, FilemarkSync::Flush).unwrap();
        drive.rewind().unwrap();
        // Others wait for a drive that somebody has for himself.
        drop(drive);
        let theirs = printed();
        self.same(
            "our key is used",
            true,
            theirs.contains("Drive Encryption:        mixed") && theirs.contains("ours"),
        );
        self.same(
            "the block is encrypted",
            true,
            theirs.contains("Encrypted and able to be decrypted") || theirs.contains("encrypted"),
        );
        let mut drive = quiet(DRIVE);
        let mut buffer = vec![0; 65536];
        self.same("it is read", true, matches!(drive.read_block(&mut buffer), Ok(ReadOutcome::Block(65536))));
        drive.set_encryption(None).unwrap();
        drop(drive);
        self.same("off again", true, printed().contains("Drive Encryption:        off"));
    }

    /// No program prints what REPORT DENSITY SUPPORT says; the code of the tape in the drive is in what `mt` prints.
    fn densities(&mut self) {
        let ours = density::report_density_support(&mut sg(), density::Of::Medium).unwrap();
        self.same("density of the medium", vec![0x60], ours.iter().map(|density| density.primary).collect());
    }
}
