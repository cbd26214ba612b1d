//! Files that hold a secret: mode 0600, written whole or not at all.

use crate::{Error, ErrorKind, Result};
use std::fs;
use std::io::{ErrorKind as Io, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// 256 bits.
pub type Secret = Zeroizing<[u8; 32]>;

/// Writes `bytes` to `path`, replacing what is there; on disk, with mode 0600, when this returns.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let result = (|| {
        let _ = fs::remove_file(&temporary);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(parent)?.sync_all()
    })();
    result.map_err(|error: std::io::Error| {
        Error::from(error).context(format!(
            "cannot write {}: check that the folder exists, that this user may write in it, and that the disk is not full",
            path.display()
        ))
    })
}

/// The secret in `path`, none if there is no such file.
///
/// # Errors
/// The file may be read by others, or does not hold a secret.
pub fn read(path: &Path) -> Result<Option<Secret>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == Io::NotFound => return Ok(None),
        Err(error) => return Err(Error::from(error).context(format!("cannot read {}", path.display()))),
    };
    decode(&bytes).map(Some).ok_or_else(|| {
        let message = format!("{} does not hold a secret: expected 64 hexadecimal digits", path.display());
        Error::new(ErrorKind::Internal, "bad_secret_file", message)
    })
}

/// The secret in `path`; a new random one is put there if there is no such file.
pub fn read_or_create(path: &Path) -> Result<Secret> {
    if let Some(secret) = read(path)? {
        refuse_if_open(path)?;
        return Ok(secret);
    }
    let mut secret = Secret::default();
    openssl::rand::rand_bytes(&mut *secret)
        .map_err(|error| Error::internal(format!("no randomness for {}: {error}", path.display())))?;
    let mut text = Zeroizing::new(hex::encode(secret.as_slice()));
    text.push('\n');
    write(path, text.as_bytes())?;
    Ok(secret)
}

/// An error if others than the owner may read `path`.
pub fn refuse_if_open(path: &Path) -> Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("{0} may be read by others (mode {mode:03o}): run `chmod 600 {0}`", path.display());
    Err(Error::new(ErrorKind::Internal, "secret_file_open", message))
}

/// 64 hexadecimal digits with white space around, or 32 bytes as they are.
fn decode(bytes: &[u8]) -> Option<Secret> {
    let mut secret = Secret::default();
    if bytes.len() == secret.len() {
        secret.copy_from_slice(bytes);
        return Some(secret);
    }
    hex::decode_to_slice(bytes.trim_ascii(), &mut *secret).ok()?;
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_to_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.key");
        let first = read_or_create(&path).unwrap();
        assert_eq!(*first, *read_or_create(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn open_or_damaged_files_are_refused_in_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.key");
        read_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read_or_create(&path).unwrap_err().message.contains("chmod 600"));
        fs::write(&path, "not hex").unwrap();
        assert!(read(&path).unwrap_err().message.contains("64 hexadecimal digits"));
    }

    #[test]
    fn both_spellings_are_understood() {
        assert_eq!(decode(&[7; 32]).unwrap().as_slice(), [7; 32]);
        let text = format!(" {}\n", "07".repeat(32));
        assert_eq!(decode(text.as_bytes()).unwrap().as_slice(), [7; 32]);
        assert!(decode(b"").is_none());
    }
}
