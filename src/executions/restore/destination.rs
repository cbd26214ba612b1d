//! The directory that receives the files: absolute, there (or made), writable, and mounted if it has to be.

use crate::backup::mounts::{Mount, mount_of, mounted};
use crate::db::SourceType;
use crate::{Error, ErrorKind, Result};
use std::path::{Component, Path, PathBuf};

/// What `destination_type` says; nothing is `local`.
pub fn kind(text: Option<&str>) -> Result<SourceType> {
    match text.unwrap_or_default() {
        "" | "local" => Ok(SourceType::Local),
        "nfs" => Ok(SourceType::Nfs),
        "smb" => Ok(SourceType::Smb),
        other => Err(Error::bad_request(format!("destination_type '{other}': it must be local, nfs or smb"))),
    }
}

/// Checks a destination and makes it if it is missing. Its path without symbolic links. `own` is the server's folder: whoever may
/// restore must not get to its database and keys by that.
pub fn prepare(kind: SourceType, path: &str, own: &Path) -> Result<PathBuf> {
    if path.trim().is_empty() {
        return Err(Error::bad_request("dest_path is required: the directory that receives the files"));
    }
    let wanted = Path::new(path);
    if !wanted.is_absolute() || path.contains('\0') {
        return Err(Error::bad_request(format!(
            "the destination '{path}' must be an absolute path: it must begin with /"
        )));
    }
    if wanted.components().any(|part| part == Component::ParentDir) {
        return Err(Error::bad_request(format!("the destination '{path}' must not lead upwards with '..'")));
    }
    // before anything is made there
    if there(wanted).starts_with(own.canonicalize()?) {
        return Err(unusable(path, "is in the folder of the server's own database and keys"));
    }
    if kind != SourceType::Local {
        let mounts = mounted().map_err(|error| Error::from(error).context("read /proc/self/mountinfo"))?;
        must_be_mounted(kind, wanted, &mounts)?;
    }
    std::fs::create_dir_all(wanted).map_err(|error| unusable(path, format!("cannot be made: {error}")))?;
    let real = wanted.canonicalize().map_err(|error| unusable(path, error.to_string()))?;
    // with the rights in force: access(2) forgets the capabilities of a server that is not root
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    accessat(CWD, &real, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
        .map_err(|error| unusable(path, format!("cannot be written: {error}")))?;
    Ok(real)
}

fn unusable(path: &str, what: impl std::fmt::Display) -> Error {
    let message = format!("the destination {path} {what}; choose another one, or make it writable for the server");
    Error::new(ErrorKind::Unprocessable, "destination_unusable", message)
}

/// What there is of a path, without symbolic links.
fn there(path: &Path) -> PathBuf {
    path.ancestors().find_map(|above| above.canonicalize().ok()).unwrap_or_else(|| PathBuf::from("/"))
}

/// An unmounted share is an empty directory on the server's own disk: files must not land there.
fn must_be_mounted(kind: SourceType, path: &Path, mounts: &[Mount]) -> Result<()> {
    let mount = mount_of(mounts, &there(path));
    let fits = |fs_type: &str| match kind {
        SourceType::Local => true,
        SourceType::Nfs => fs_type.starts_with("nfs") || fs_type.contains(".nfs"),
        SourceType::Smb => {
            matches!(fs_type, "cifs" | "smb2" | "smb3" | "smbfs")
                || (fs_type.starts_with("fuse.") && fs_type.contains("smb"))
        }
    };
    if mount.is_some_and(|mount| fits(&mount.fs_type)) {
        return Ok(());
    }
    let found = mount.map_or("nothing is mounted there".to_string(), |mount| {
        format!("it lies on {} ({}), mounted at {}", mount.source, mount.fs_type, mount.point.display())
    });
    let message = format!(
        "the destination {} is not on a mounted {kind} share: {found}. Mount the share, or say that the destination is local",
        path.display()
    );
    Err(Error::new(ErrorKind::Unprocessable, "destination_not_mounted", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_destinations_are_refused() {
        let own = tempfile::tempdir().unwrap();
        let prepare = |path: &str| prepare(SourceType::Local, path, own.path());
        for path in ["", "  ", "relative/path", "/with\0nul", "/tmp/a/../../etc"] {
            assert_eq!(prepare(path).unwrap_err().code, "bad_request", "{path:?}");
        }
        assert_eq!(kind(Some("ftp")).unwrap_err().code, "bad_request");
        assert_eq!(kind(None).unwrap(), SourceType::Local);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let below = file.join("below");
        assert_eq!(prepare(below.to_str().unwrap()).unwrap_err().code, "destination_unusable");
        let made = folder.path().join("new/one");
        assert!(prepare(made.to_str().unwrap()).unwrap().is_dir());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(own.path(), &link).unwrap();
        for path in [own.path().to_owned(), own.path().join("keys/new"), link.join("new")] {
            let error = prepare(path.to_str().unwrap()).unwrap_err();
            assert!(error.message.contains("the server's own"), "{path:?}: {error}");
        }
        assert_eq!(std::fs::read_dir(own.path()).unwrap().count(), 0, "nothing was made");
    }

    #[test]
    fn a_share_has_to_be_mounted() {
        let mount =
            |point: &str, fs_type: &str| Mount { point: point.into(), fs_type: fs_type.into(), source: "x".into() };
        let mounts = [mount("/", "ext4"), mount("/tmp", "nfs4")];
        must_be_mounted(SourceType::Nfs, Path::new("/tmp/not/there/yet"), &mounts).unwrap();
        let error = must_be_mounted(SourceType::Smb, Path::new("/tmp/x"), &mounts).unwrap_err();
        assert_eq!(error.code, "destination_not_mounted");
        assert!(must_be_mounted(SourceType::Nfs, Path::new("/nowhere"), &mounts).is_err());
    }
}
