//! What a drive tells that has only the older log pages (up to LTO-5): tape usage (30h) for volume statistics (17h), the maker's
//! compression page (32h) for 1Bh, and TapeAlert flags only where reading clears them (2Eh, no 12h).

use tape_drive::ssc::SscDrive;
use tape_drive::{DriveHealth, TapeDrive, VolumeHealth};
use tape_scsi::command::inquiry::{self, DeviceType, Inquiry};
use tape_scsi::{Command, Data, Reply, Sense, SenseKey, TapeAlert, Transport, TransportError};

/// A drive that answers questions and does nothing else.
struct Older {
    pages: Vec<Vec<u8>>,
    /// TapeAlert flags that nobody has read yet.
    news: Vec<TapeAlert>,
}

/// A page of parameters with so many bytes each.
fn page(code: u8, parameters: &[(u16, u64, usize)]) -> Vec<u8> {
    let mut content = Vec::new();
    for &(parameter, value, width) in parameters {
        content.extend(parameter.to_be_bytes());
        content.extend([0x60, width as u8]);
        content.extend(&value.to_be_bytes()[8 - width..]);
    }
    let mut page = vec![code, 0];
    page.extend((content.len() as u16).to_be_bytes());
    page.extend(content);
    page
}

impl Older {
    fn answer(&mut self, cdb: &[u8]) -> Option<Vec<u8>> {
        match cdb {
            [0x12, 0, ..] => Some(
                inquiry::encode(&Inquiry {
                    qualifier: 0,
                    device_type: DeviceType::SequentialAccess,
                    removable: true,
                    version: 3,
                    vendor: "HP".into(),
                    product: "Ultrium 4-SCSI".into(),
                    revision: "U61W".into(),
                })
                .to_vec(),
            ),
            [0x12, 1, 0x80, ..] => Some(b"\x01\x80\x00\x0aHU12345678".to_vec()),
            [0x00, ..] => Some(Vec::new()),
            [0x4d, _, code, ..] if code & 0x3f == 0x2e => {
                let raised = std::mem::take(&mut self.news);
                let flags = TapeAlert::all().map(|flag| (flag.flag().into(), raised.contains(&flag).into(), 1));
                Some(page(0x2e, &flags.collect::<Vec<_>>()))
            }
            [0x4d, _, code, ..] => self.pages.iter().find(|page| page[0] == code & 0x3f).cloned(),
            _ => None,
        }
    }
}

impl Transport for Older {
    fn execute(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, TransportError> {
        let Some(answer) = self.answer(command.bytes()) else {
            return Ok(Reply::check(Sense::new(SenseKey::IllegalRequest, 0x24, 0x00)));
        };
        let Data::In(buffer) = data else { return Ok(Reply::good(0)) };
        let length = answer.len().min(buffer.len());
        buffer[..length].copy_from_slice(&answer[..length]);
        Ok(Reply::good(length))
    }
}

#[test]
fn an_older_drive_tells_what_it_has() {
    let pages = vec![
        page(0x02, &[(2, 41, 4), (6, 3, 4)]),
        page(0x03, &[(2, 17, 4), (6, 2, 4)]),
        page(0x30, &[(1, 12, 4), (2, 9000, 8), (3, 5, 4), (4, 1, 2), (7, 8000, 8), (8, 6, 4), (9, 7, 2)]),
        page(0x32, &[(0, 261, 2), (1, 253, 2)]),
    ];
    let mut drive = SscDrive::new(Older { pages, news: vec![TapeAlert::MEDIA] }).unwrap();
    assert_eq!(drive.identity().serial, "HU12345678");
    let expected = DriveHealth {
        write_errors: 3,
        read_errors: 2,
        rewrites: Some(41),
        rereads: Some(17),
        write_compression_ratio: Some(2.53),
        read_compression_ratio: Some(2.61),
        ..DriveHealth::default()
    };
    assert_eq!(drive.health().unwrap(), expected);
    let expected = VolumeHealth {
        mounts: Some(12),
        write_retries: Some(5),
        read_retries: Some(6),
        unrecovered_write_errors: Some(1),
        unrecovered_read_errors: Some(7),
        ..VolumeHealth::default()
    };
    assert_eq!(drive.volume_health().unwrap(), expected);
    // Told once by the drive, and not forgotten by us.
    for _ in 0..2 {
        assert_eq!(drive.alerts().unwrap(), [TapeAlert::MEDIA]);
    }
}

#[test]
fn a_drive_without_log_pages_tells_nothing() {
    let mut drive = SscDrive::new(Older { pages: Vec::new(), news: Vec::new() }).unwrap();
    assert_eq!(drive.health().unwrap(), DriveHealth::default());
    assert_eq!(drive.volume_health().unwrap(), VolumeHealth::default());
    assert_eq!(drive.alerts().unwrap(), []);
}
