//! The data folder: whose it is, who may look in, the secrets in it, and room.

use super::{Config, Report, sentence};
use crate::human;
use crate::keys::secret_file;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

/// Files with secrets, beside the database.
const SECRETS: &[&str] = &["master.key", "token.key"];
/// With less room than this the database cannot be written for long, in bytes.
const LEAST: u64 = 256 << 20;
/// With less room than this somebody should look, in bytes.
const LITTLE: u64 = 4 << 30;

/// Looks at the data folder. False: nothing behind it can be looked at.
pub fn data(report: &mut Report, config: &Config) -> bool {
    let folder = &config.data_dir;
    let name = folder.display().to_string();
    let metadata = match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            report.fail(
                "folder",
                name,
                "The data folder is no folder.",
                "Name a folder: --data-dir, or data_dir in the file.",
            );
            return false;
        }
        Err(error) => {
            let mend =
                "Start the server once (it makes the folder), or name the right one: --data-dir, or --config FILE.";
            report.fail("folder", name, format!("The data folder cannot be read: {error}."), mend);
            return false;
        }
    };
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        let owner = metadata.uid();
        let about = format!("The data folder belongs to another user (id {owner}) than the one that looks (id {me}).");
        let mend = format!("Look as the user of the server: sudo -u '#{owner}' tapebackarr doctor");
        report.fail("folder", name, about, mend);
        return false;
    }
    let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    if let Err(error) = rustix::fs::access(folder, access) {
        let mend = format!("Give it back: chmod u+rwx {name}; or mount its file system writable.");
        report.fail("folder", name, format!("The data folder cannot be written: {error}."), mend);
        return false;
    }
    let mode = metadata.permissions().mode() & 0o777;
    match mode & 0o007 {
        0 => report.ok("folder", name, format!("It is ours, and closed to others (mode {mode:03o}).")),
        _ => report.warn(
            "folder",
            name.clone(),
            format!("Everybody on this machine may look into the data folder (mode {mode:03o})."),
            format!("chmod o= {name}"),
        ),
    }
    for secret in SECRETS {
        self::secret(report, &folder.join(secret));
    }
    true
}

fn secret(report: &mut Report, path: &Path) {
    if !path.exists() {
        // made at first start, or a credential of systemd; the keys in the database tell whether it is missed
        return;
    }
    let name = path.display().to_string();
    match secret_file::read(path).and_then(|_| secret_file::refuse_if_open(path)) {
        Ok(()) => report.ok("folder", name, "It holds a secret that only we can read."),
        Err(error) => {
            let mend =
                format!("chmod 600 {name}; if it is damaged, put it back from your backup. Never make a new one.");
            report.fail("folder", name, sentence(&error.message), mend);
        }
    }
}

/// Looks at the room that is left for the database and what is put beside it.
pub fn room(report: &mut Report, config: &Config) {
    let folder = &config.data_dir;
    let name = folder.display().to_string();
    match rustix::fs::statvfs(folder) {
        Ok(system) => {
            let free = system.f_bavail.saturating_mul(system.f_frsize);
            let about = format!("{} are free.", human::bytes(free));
            let mend =
                "Make room there, or move the data folder; `tapebackarr maintenance run prune` deletes old history.";
            if free < LEAST {
                report.fail("room", name, about, mend);
            } else if free < LITTLE {
                report.warn("room", name, about, mend);
            } else {
                report.ok("room", name, about);
            }
        }
        Err(error) => {
            report.warn("room", name, format!("Nobody can say how much room there is: {error}."), "Look with `df`.");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Verdict, config_in};

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn open_folders_and_secrets_are_found_with_the_command_that_closes_them() {
        let folder = tempfile::tempdir().unwrap();
        let config = config_in(folder.path());
        let look = || {
            let mut report = Report::default();
            assert!(data(&mut report, &config));
            report
        };
        chmod(folder.path(), 0o750);
        assert_eq!(look().worst(), Verdict::Ok);
        chmod(folder.path(), 0o755);
        assert_eq!(look().findings[0].mend.as_deref(), Some(format!("chmod o= {}", folder.path().display()).as_str()));
        let key = folder.path().join("master.key");
        secret_file::write(&key, "0".repeat(64).as_bytes()).unwrap();
        assert_eq!(look().worst(), Verdict::Warning);
        chmod(&key, 0o640);
        let report = look();
        assert_eq!(report.worst(), Verdict::Failure);
        assert!(report.findings[1].about.contains("mode 640"), "{report:?}");
        std::fs::write(&key, "no secret").unwrap();
        assert!(look().findings[1].about.contains("does not hold a secret"));
        let gone = config_in(&folder.path().join("gone"));
        assert!(!data(&mut Report::default(), &gone));
    }
}
