//! A source on disk, and whether it is really there before it is backed up.
//!
//! The worst backup is the one of an empty mount point: everything looks well, and every file is recorded as deleted.

use super::diff::Inodes;
use super::mounts::{Mount, mount_of, mounted, unescape};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where the files of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// On a disk of this machine.
    Local,
    /// On an NFS server, mounted.
    Nfs,
    /// On a Windows or Samba server, mounted.
    Smb,
}

impl SourceKind {
    /// The word used in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Local => "local",
            SourceKind::Nfs => "nfs",
            SourceKind::Smb => "smb",
        }
    }

    /// Whether inode numbers tell files apart: CIFS may invent them anew with every mount.
    pub fn inodes(self) -> Inodes {
        match self {
            SourceKind::Smb => Inodes::Ignore,
            SourceKind::Local | SourceKind::Nfs => Inodes::Compare,
        }
    }

    fn accepts(self, fs_type: &str) -> bool {
        match self {
            SourceKind::Local => true,
            SourceKind::Nfs => matches!(fs_type, "nfs" | "nfs4" | "fuse.nfs" | "fuse.fuse-nfs"),
            SourceKind::Smb => {
                matches!(fs_type, "cifs" | "smb2" | "smb3" | "smbfs" | "fuse.smbnetfs" | "fuse.usmb" | "fuse.fusesmb")
            }
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SourceKind::Local => "local",
            SourceKind::Nfs => "NFS",
            SourceKind::Smb => "SMB",
        })
    }
}

impl FromStr for SourceKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<SourceKind> {
        match text {
            "local" => Ok(SourceKind::Local),
            "nfs" => Ok(SourceKind::Nfs),
            "smb" => Ok(SourceKind::Smb),
            other => Err(Error::bad_request(format!("source type \"{other}\": it must be local, nfs or smb"))),
        }
    }
}

/// A source that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedSource {
    /// Its root without symbolic links.
    pub root: PathBuf,
    /// What it is mounted from.
    pub mount: Option<Mount>,
}

/// Checks that the source exists, is a readable directory, and is mounted if it must be.
pub fn check(kind: SourceKind, path: &Path) -> Result<CheckedSource> {
    let mounts = || mounted().map_err(|error| Error::from(error).context("read /proc/self/mountinfo"));
    check_with(kind, path, mounts, || std::fs::read("/etc/fstab").unwrap_or_default())
}

fn check_with(
    kind: SourceKind,
    path: &Path,
    mounts: impl FnOnce() -> Result<Vec<Mount>>,
    fstab: impl FnOnce() -> Vec<u8>,
) -> Result<CheckedSource> {
    if !path.is_absolute() {
        let message = format!("the source path {} must be absolute: it must begin with /", path.display());
        return Err(Error::bad_request(message));
    }
    let unusable = |code, what: String| {
        Error::new(ErrorKind::Unprocessable, code, format!("the {kind} source {} {what}", path.display()))
    };
    // Opening also wakes an automounter.
    let root = path.canonicalize().map_err(|error| unreadable(&unusable, &error))?;
    if !root.is_dir() {
        let what = "is not a directory; name the directory that holds the files".to_string();
        return Err(unusable("source_not_a_directory", what));
    }
    let mut entries = std::fs::read_dir(&root).map_err(|error| unreadable(&unusable, &error))?;
    let is_empty = match entries.next() {
        None => true,
        Some(Ok(_)) => false,
        Some(Err(error)) => return Err(unreadable(&unusable, &error)),
    };
    let mounts = mounts()?;
    let mount = mount_of(&mounts, &root).cloned();
    if !mount.as_ref().is_some_and(|mount| kind.accepts(&mount.fs_type)) {
        let found = mount.map_or("nothing is mounted there".to_string(), |mount| {
            format!("the path lies on {} ({}), mounted at {}", mount.source, mount.fs_type, mount.point.display())
        });
        let what = format!("is not mounted: {found}. Mount the share and run the job again; nothing was backed up");
        return Err(unusable("source_not_mounted", what));
    }
    let is_mount_point = mounts.iter().any(|mount| mount.point == root);
    if is_empty && !is_mount_point && in_fstab(&fstab(), &root) {
        let what = "is an empty mount point: /etc/fstab names it, and nothing is mounted there. Mount it and run the job \
                    again; nothing was backed up";
        return Err(unusable("source_not_mounted", what.to_string()));
    }
    Ok(CheckedSource { root, mount })
}

fn unreadable(unusable: &impl Fn(&'static str, String) -> Error, error: &std::io::Error) -> Error {
    use std::io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => {
            unusable("source_missing", "does not exist; check the path, and whether its disk is mounted".to_string())
        }
        Kind::PermissionDenied => unusable(
            "source_denied",
            "may not be read by the server's user; give it read and search permission".to_string(),
        ),
        Kind::StaleNetworkFileHandle => unusable(
            "source_stale",
            "is a stale mount: the server no longer knows it. Unmount it, mount it again, and run the job again"
                .to_string(),
        ),
        _ => unusable("source_unreadable", format!("cannot be read: {error}")),
    }
}

/// Whether fstab(5) says that something is to be mounted there.
fn in_fstab(fstab: &[u8], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    fstab.split(|byte| *byte == b'\n').any(|line| {
        let mut fields = line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|field| !field.is_empty());
        let is_comment = fields.next().is_none_or(|first| first.starts_with(b"#"));
        !is_comment && fields.next().is_some_and(|point| unescape(point) == path.as_os_str().as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &Path, fs_type: &str) -> Mount {
        Mount { point: point.to_path_buf(), fs_type: fs_type.into(), source: "nas:/export".into() }
    }

    fn check_on(kind: SourceKind, path: &Path, fs_type: &str, fstab: &str) -> Result<CheckedSource> {
        let mounts = vec![mount(Path::new("/"), "ext4"), mount(path, fs_type)];
        check_with(kind, path, || Ok(mounts), || fstab.as_bytes().to_vec())
    }

    #[test]
    fn a_local_directory_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let checked = check(SourceKind::Local, dir.path()).unwrap();
        assert_eq!(checked.root, dir.path().canonicalize().unwrap());
        assert!(checked.mount.is_some());
    }

    #[test]
    fn what_is_missing_or_no_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"x").unwrap();
        for (path, code) in [
            (dir.path().join("nowhere"), "source_missing"),
            (file, "source_not_a_directory"),
            ("relative".into(), "bad_request"),
        ] {
            let error = check(SourceKind::Local, &path).unwrap_err();
            assert_eq!(error.code, code);
            assert!(error.message.contains(&path.display().to_string()), "{}", error.message);
        }
    }

    #[test]
    fn a_share_must_be_mounted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let error = check(SourceKind::Nfs, &path).unwrap_err();
        assert_eq!(error.code, "source_not_mounted");
        assert!(error.message.contains("mounted at"), "says what is there: {}", error.message);
        for (kind, fs_type, good) in [
            (SourceKind::Nfs, "nfs4", true),
            (SourceKind::Nfs, "cifs", false),
            (SourceKind::Smb, "cifs", true),
            (SourceKind::Smb, "smb3", true),
            (SourceKind::Smb, "ext4", false),
            (SourceKind::Local, "nfs4", true),
        ] {
            assert_eq!(check_on(kind, &path, fs_type, "").is_ok(), good, "{kind} on {fs_type}");
        }
    }

    #[test]
    fn an_empty_mount_point_of_fstab_is_not_a_source() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap();
        let fstab = format!("# nothing\n/dev/sdb1\t{}\text4 defaults 0 2\n", path.display());
        let unmounted = || Ok(vec![mount(Path::new("/"), "ext4")]);
        let check = |fstab: &str| check_with(SourceKind::Local, &path, unmounted, || fstab.as_bytes().to_vec());
        assert_eq!(check(&fstab).unwrap_err().code, "source_not_mounted");
        assert!(check("").is_ok(), "an ordinary empty directory");
        assert!(check(&format!("#x {}", path.display())).is_ok());
        assert!(check_on(SourceKind::Local, &path, "ext4", &fstab).is_ok(), "mounted, and empty");
        std::fs::write(path.join("x"), b"").unwrap();
        assert!(check(&fstab).is_ok());
    }

    #[test]
    fn words() {
        for kind in [SourceKind::Local, SourceKind::Nfs, SourceKind::Smb] {
            assert_eq!(kind.as_str().parse::<SourceKind>().unwrap(), kind);
        }
        assert!("ftp".parse::<SourceKind>().is_err());
        assert_eq!(SourceKind::Smb.inodes(), Inodes::Ignore);
    }
}
