//! Pax records: `length key=value\n`, in a block of their own before the member they describe, or before all.

use super::sparse::MAX_EXTENTS;
use super::{BLOCK, VolumeStart, acl, number, padding};
use crate::{DataExtent, Result};

/// Most bytes in one record block. Extended attributes have at most 64 KiB each; this leaves room for many.
pub(super) const MAX_RECORDS: u64 = 16 << 20;

/// Appends one record. The length in front counts itself.
pub(super) fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    // Blank, '=' and newline.
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Appends records as a member of type `x` (for the next member) or `g` (for all that follow).
pub(super) fn block(out: &mut Vec<u8>, typeflag: u8, records: &[u8]) {
    let mut block = [0; BLOCK];
    let name = b"././@PaxHeader";
    block[..name.len()].copy_from_slice(name);
    number::write(&mut block[100..108], 0o644);
    number::write(&mut block[108..116], 0);
    number::write(&mut block[116..124], 0);
    number::write(&mut block[124..136], records.len() as u64);
    number::write(&mut block[136..148], 0);
    block[156] = typeflag;
    super::header::seal(&mut block);
    out.extend_from_slice(&block);
    out.extend_from_slice(records);
    out.resize(out.len() + padding(records.len() as u64), 0);
}

/// A time as pax writes it: seconds with a fraction only if there is one.
pub(super) fn time(ns: i64) -> String {
    const SECOND: u64 = 1_000_000_000;
    let sign = if ns < 0 { "-" } else { "" };
    let (seconds, fraction) = (ns.unsigned_abs() / SECOND, ns.unsigned_abs() % SECOND);
    if fraction == 0 {
        return format!("{sign}{seconds}");
    }
    let text = format!("{sign}{seconds}.{fraction:09}");
    text.trim_end_matches('0').to_owned()
}

fn parse_time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut ns: i128 = i128::from(seconds.parse::<u64>().ok()?) * 1_000_000_000;
    let nine: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    ns += i128::from(nine.parse::<u32>().ok()?);
    // Out of range is held at the ends of what 64 bits of nanoseconds can say (years 1677 to 2262).
    let ns = if negative { -ns } else { ns };
    Some(ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// An extended attribute's name as a pax keyword: '=' ends a keyword, so GNU tar writes it as %3D, and % as %25.
pub(super) fn encode_name(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for &byte in name {
        match byte {
            b'=' => out.extend_from_slice(b"%3D"),
            b'%' => out.extend_from_slice(b"%25"),
            other => out.push(other),
        }
    }
    out
}

fn decode_name(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, next) = match rest.get(..3) {
            Some(b"%3D") => (b'=', &rest[3..]),
            Some(b"%25") => (b'%', &rest[3..]),
            _ => (first, tail),
        };
        out.push(byte);
        rest = next;
    }
    out
}

/// What the records of a member, or of all, say.
#[derive(Debug, Clone, Default)]
pub(super) struct Records {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) user: Option<Vec<u8>>,
    pub(super) group: Option<Vec<u8>>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) size: Option<u64>,
    pub(super) mtime_ns: Option<i64>,
    pub(super) device: (Option<u32>, Option<u32>),
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: SparseRecords,
    pub(super) volume: VolumeRecords,
    pub(super) comment: Option<Vec<u8>>,
}

/// `GNU.sparse.*` of formats 0.0, 0.1 and 1.0.
#[derive(Debug, Clone, Default)]
pub(super) struct SparseRecords {
    pub(super) major: Option<u64>,
    pub(super) minor: Option<u64>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) extents: Vec<DataExtent>,
    offset: Option<u64>,
}

impl SparseRecords {
    /// Whether the map is at the start of the data.
    pub(super) fn map_in_data(&self) -> bool {
        (self.major, self.minor) == (Some(1), Some(0))
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.size.is_some() && (self.map_in_data() || !self.extents.is_empty())
    }
}

/// `GNU.volume.*`.
#[derive(Debug, Clone, Default)]
pub(super) struct VolumeRecords {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    offset: Option<u64>,
}

impl VolumeRecords {
    pub(super) fn start(self) -> Option<VolumeStart> {
        Some(VolumeStart { path: self.path?, size: self.size?, offset: self.offset? })
    }
}

fn decimal(value: &[u8]) -> Result<u64, String> {
    let bad = || format!("{:?} is not a number", String::from_utf8_lossy(value));
    std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(bad)
}

fn signed(value: &[u8]) -> Result<i64, String> {
    let bad = || format!("{:?} is not a number", String::from_utf8_lossy(value));
    std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok()).ok_or_else(bad)
}

impl Records {
    /// Adds the records in a block's data to what is known; later ones win. `Err` says what is wrong with them.
    pub(super) fn parse(&mut self, mut data: &[u8]) -> Result<(), String> {
        while !data.is_empty() {
            // Padding, as some writers leave it inside the counted size.
            if data.iter().all(|&b| b == 0) {
                return Ok(());
            }
            let digits = data.iter().take_while(|b| b.is_ascii_digit()).count();
            let cut = || "a pax record is cut short".to_owned();
            if digits == 0 || digits > 9 {
                return Err("a pax record does not begin with its length".into());
            }
            let length = decimal(data.get(..digits).ok_or_else(cut)?)? as usize;
            let record = data.get(digits..length).ok_or_else(cut)?;
            let record = record.strip_prefix(b" ").and_then(|r| r.strip_suffix(b"\n"));
            let record = record.ok_or("a pax record does not end where it says")?;
            let split = record.iter().position(|&b| b == b'=').ok_or("a pax record has no '='")?;
            let (key, value) = record.split_at(split);
            self.set(key, value.get(1..).unwrap_or(&[]))?;
            data = data.get(length..).ok_or_else(cut)?;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let own = || (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = own(),
            b"linkpath" => self.link = own(),
            b"uname" => self.user = own(),
            b"gname" => self.group = own(),
            b"uid" => self.uid = Some(signed(value)?),
            b"gid" => self.gid = Some(signed(value)?),
            b"size" => self.size = Some(decimal(value)?),
            b"mtime" => self.mtime_ns = Some(parse_time(value).ok_or("its mtime is not a time")?),
            b"comment" => self.comment = own(),
            b"SCHILY.devmajor" => self.device.0 = u32::try_from(decimal(value)?).ok(),
            b"SCHILY.devminor" => self.device.1 = u32::try_from(decimal(value)?).ok(),
            b"GNU.sparse.major" => self.sparse.major = Some(decimal(value)?),
            b"GNU.sparse.minor" => self.sparse.minor = Some(decimal(value)?),
            b"GNU.sparse.name" => self.sparse.name = own(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(decimal(value)?),
            b"GNU.sparse.offset" => self.sparse.offset = Some(decimal(value)?),
            b"GNU.sparse.numbytes" => {
                let offset = self.sparse.offset.take().ok_or("GNU.sparse.numbytes without an offset")?;
                self.extent(offset, decimal(value)?)?;
            }
            b"GNU.sparse.map" => {
                self.sparse.extents.clear();
                let mut numbers = value.split(|&b| b == b',');
                while let Some(offset) = numbers.next() {
                    let length = numbers.next().ok_or("GNU.sparse.map has an odd number of values")?;
                    self.extent(decimal(offset)?, decimal(length)?)?;
                }
            }
            b"GNU.volume.filename" => self.volume.path = own(),
            b"GNU.volume.size" => self.volume.size = Some(decimal(value)?),
            b"GNU.volume.offset" => self.volume.offset = Some(decimal(value)?),
            _ => self.set_attribute(key, value),
        }
        Ok(())
    }

    fn extent(&mut self, offset: u64, length: u64) -> Result<(), String> {
        if self.sparse.extents.len() > MAX_EXTENTS {
            return Err("its sparse map is too long".into());
        }
        self.sparse.extents.push(DataExtent { offset, length });
        Ok(())
    }

    fn set_attribute(&mut self, key: &[u8], value: &[u8]) {
        let (name, value) = if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            (decode_name(name), value.to_vec())
        } else if let Some((xattr, _)) = acl::KINDS.iter().find(|kind| kind.1.as_bytes() == key) {
            match acl::from_text(value) {
                Some(binary) => (xattr.to_vec(), binary),
                // Kept under its own name, so that whoever restores sees that there was one that could not be set.
                None => (key.to_vec(), value.to_vec()),
            }
        } else {
            return;
        };
        self.xattrs.retain(|known| known.0 != name);
        self.xattrs.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_count_themselves() {
        for n in [1, 90, 91, 92, 93, 94, 989, 990, 991, 9980, 9990] {
            let mut out = Vec::new();
            record(&mut out, b"path", &vec![b'a'; n]);
            let length: usize = String::from_utf8_lossy(&out).split(' ').next().unwrap().parse().unwrap();
            assert_eq!(length, out.len());
        }
    }

    #[test]
    fn times() {
        for (ns, text) in [
            (0, "0"),
            (1_500_000_000, "1.5"),
            (-1_500_000_000, "-1.5"),
            (-1, "-0.000000001"),
            (1_700_000_000_123_456_789, "1700000000.123456789"),
        ] {
            assert_eq!(time(ns), text);
            assert_eq!(parse_time(text.as_bytes()), Some(ns));
        }
        assert_eq!(parse_time(b"99999999999999999"), Some(i64::MAX));
        assert_eq!(parse_time(b"1.2x"), None);
    }

    #[test]
    fn broken_records_are_refused() {
        for data in ["", "5", "x a=b\n", "6 a=b\n7", "9 a=b\n", "6 a-b\n", "0 a=b\n", "99999999999 a=b\n", "3 \n"] {
            let result = Records::default().parse(data.as_bytes());
            assert_eq!(result.is_ok(), data.is_empty(), "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn records_roundtrip(path in prop::collection::vec(1u8.., 1..300), name in "[a-z.=%3D25]{1,20}",
                             value in prop::collection::vec(any::<u8>(), 0..300), ns: i64) {
            let mut out = Vec::new();
            record(&mut out, b"path", &path);
            record(&mut out, &[b"SCHILY.xattr.", encode_name(name.as_bytes()).as_slice()].concat(), &value);
            record(&mut out, b"mtime", time(ns).as_bytes());
            let mut records = Records::default();
            records.parse(&out).unwrap();
            prop_assert_eq!(records.path, Some(path));
            prop_assert_eq!(records.xattrs, vec![(name.into_bytes(), value)]);
            prop_assert_eq!(records.mtime_ns, Some(ns));
        }

        #[test]
        fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..100), text in "[0-9 =a\n]{0,60}") {
            let _ = Records::default().parse(&data);
            let _ = Records::default().parse(text.as_bytes());
        }
    }
}
