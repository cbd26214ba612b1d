//! Extended attributes and POSIX ACLs of an entry.

use rustix::fd::{AsFd, AsRawFd};
use rustix::io::Errno;

/// Names and values.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// Most bytes of attributes of one member: they go into its header, and a header must fit into a frame.
const MAX_TOTAL: usize = 1 << 20;

/// The kernel's limit for one value, and for the list of names.
const MAX_VALUE: usize = 64 << 10;

/// What was read, and whether something had to be left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The attributes.
    pub attributes: Xattrs,
    /// Why some are missing.
    pub missing: Option<String>,
}

/// The attributes of an open file or directory.
pub fn of_fd(fd: impl AsFd) -> Read {
    let fd = fd.as_fd();
    read(&mut |list| rustix::fs::flistxattr(fd, list), &mut |name, value| rustix::fs::fgetxattr(fd, name, value))
}

/// The attributes of an entry that cannot be opened: a link, a FIFO, a device.
pub fn of_entry(directory: impl AsFd, name: &[u8]) -> Read {
    let mut path = format!("/proc/self/fd/{}/", directory.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    let path = path.as_slice();
    read(&mut |list| rustix::fs::llistxattr(path, list), &mut |name, value| rustix::fs::lgetxattr(path, name, value))
}

type List<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<usize, Errno>;
type Get<'a> = &'a mut dyn FnMut(&[u8], &mut [u8]) -> Result<usize, Errno>;

fn read(list: List<'_>, get: Get<'_>) -> Read {
    let mut result = Read::default();
    let mut small = [0; 512];
    let names = match list(&mut small) {
        Ok(0) | Err(Errno::NOTSUP | Errno::NOENT | Errno::NOSYS) => return result,
        Ok(length) => small.get(..length).unwrap_or_default().to_vec(),
        Err(Errno::RANGE) => {
            let mut large = vec![0; MAX_VALUE];
            match list(&mut large) {
                Ok(length) => {
                    large.truncate(length);
                    large
                }
                Err(error) => {
                    result.missing = Some(format!("its extended attributes could not be listed: {error}"));
                    return result;
                }
            }
        }
        Err(error) => {
            result.missing = Some(format!("its extended attributes could not be listed: {error}"));
            return result;
        }
    };
    let mut total = 0;
    let mut value = vec![0; MAX_VALUE];
    let mut names: Vec<&[u8]> = names.split(|byte| *byte == 0).filter(|name| is_kept(name)).collect();
    names.sort_unstable();
    for name in names {
        match get(name, &mut value) {
            Ok(length) if total + name.len() + length > MAX_TOTAL => {
                result.missing = Some(format!("its extended attributes are larger than {MAX_TOTAL} bytes together"));
                break;
            }
            Ok(length) => {
                total += name.len() + length;
                result.attributes.push((name.to_vec(), value.get(..length).unwrap_or_default().to_vec()));
            }
            Err(Errno::NODATA) => {}
            Err(error) => {
                let name = String::from_utf8_lossy(name);
                result.missing = Some(format!("its extended attribute {name} could not be read: {error}"));
            }
        }
    }
    result
}

/// Of the `system` attributes only POSIX ACLs are data; the others are views that a file system computes.
fn is_kept(name: &[u8]) -> bool {
    !name.is_empty() && (!name.starts_with(b"system.") || name.starts_with(b"system.posix_acl_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::XattrFlags;

    #[test]
    fn attributes_of_files_and_of_unopenable_entries() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let file = std::fs::File::create(dir.path().join("f")).unwrap();
        assert_eq!(of_fd(&file), Read::default());
        for number in 0..60 {
            let name = format!("user.a_long_name_of_an_attribute.{number:02}");
            rustix::fs::fsetxattr(&file, name, &[number; 3], XattrFlags::empty()).unwrap();
        }
        let read = of_fd(&file);
        assert_eq!(read.attributes.len(), 60, "more names than fit into the first buffer");
        assert_eq!(read.attributes[7], (b"user.a_long_name_of_an_attribute.07".to_vec(), vec![7, 7, 7]));
        assert_eq!(read.missing, None);
        let directory = std::fs::File::open(dir.path()).unwrap();
        assert_eq!(of_entry(&directory, b"f"), read);
        std::os::unix::fs::symlink("f", dir.path().join("link")).unwrap();
        assert_eq!(of_entry(&directory, b"link"), Read::default(), "the link's own, not its target's");
    }

    #[test]
    fn too_many_bytes_are_cut_and_told() {
        let mut names = Vec::new();
        for number in 0..20 {
            names.extend_from_slice(format!("user.{number:02}\0system.x{number}\0").as_bytes());
        }
        let read = read(
            &mut |list| {
                list.get_mut(..names.len()).ok_or(Errno::RANGE)?.copy_from_slice(&names);
                Ok(names.len())
            },
            &mut |_, _| Ok(MAX_VALUE),
        );
        assert_eq!(read.attributes.len(), 15);
        assert!(read.missing.unwrap().contains("larger"));
    }
}
