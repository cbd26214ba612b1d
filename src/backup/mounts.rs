//! What is mounted where: `/proc/self/mountinfo` (proc(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub point: PathBuf,
    /// Type of the file system: `ext4`, `nfs4`, `cifs`.
    pub fs_type: String,
    /// What is mounted: a device, or `server:/export`.
    pub source: String,
}

/// Everything that is mounted now.
pub fn mounted() -> std::io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read("/proc/self/mountinfo")?))
}

/// The mount that a path (absolute, without symbolic links) lies on.
pub fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    // Of mounts on top of each other the last one is seen.
    mounts.iter().filter(|mount| path.starts_with(&mount.point)).max_by_key(|mount| mount.point.as_os_str().len())
}

fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `36 35 98:0 /root /point options [optional fields] - type source super-options`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let text = |index: usize| fields.get(index).map(|field| String::from_utf8_lossy(&unescape(field)).into_owned());
    Some(Mount {
        point: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
        fs_type: text(dash + 1)?,
        source: text(dash + 2)?,
    })
}

/// Takes back the octal escapes of space, tab, newline and backslash.
pub fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| (b'0'..b'8').contains(d)));
        match octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &[u8] = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
60 22 0:50 / /mnt/share rw,relatime shared:30 master:2 - nfs4 nas:/export rw,vers=4.2
61 22 0:51 / /mnt/my\\040disk rw - cifs //nas/share\\134x rw
62 60 0:52 / /mnt/share rw - tmpfs tmpfs rw
broken line
";

    #[test]
    fn mounts_are_found_by_path() {
        let mounts = parse(SAMPLE);
        assert_eq!(mounts.len(), 4);
        assert_eq!(mount_of(&mounts, Path::new("/home")).unwrap().fs_type, "ext4");
        assert_eq!(mount_of(&mounts, Path::new("/mnt/share/x")).unwrap().fs_type, "tmpfs", "the uppermost");
        assert_eq!(mount_of(&mounts, Path::new("/mnt/shared")).unwrap().point, Path::new("/"));
        let cifs = mount_of(&mounts, Path::new("/mnt/my disk/a")).unwrap();
        assert_eq!((cifs.fs_type.as_str(), cifs.source.as_str()), ("cifs", "//nas/share\\x"));
        assert_eq!(unescape(b"a\\9\\04"), b"a\\9\\04");
        assert_eq!(unescape(b"\\777"), b"\\777");
    }

    #[test]
    fn this_machine_has_a_root() {
        let mounts = mounted().unwrap();
        assert_eq!(mount_of(&mounts, Path::new("/")).unwrap().point, Path::new("/"));
    }
}
