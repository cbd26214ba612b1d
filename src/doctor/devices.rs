//! Drives and changers: whether their devices are there, are what they should be, and may be used.

use super::Report;
use crate::db::{self, Conn};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// Looks at every drive and library that is switched on.
pub fn look(report: &mut Report, conn: &mut Conn) {
    let drives = db::drives::all(conn).unwrap_or_default();
    let libraries = db::libraries::list(conn).unwrap_or_default();
    if drives.is_empty() {
        let mend =
            "tapebackarr drive scan finds what is connected; `tapebackarr virtual create` makes drives of files.";
        report.warn("device", "drives", "No drive is known.", mend);
    }
    for drive in drives.iter().filter(|drive| drive.enabled) {
        device(report, &format!("drive {}", drive.name()), &drive.device_path);
    }
    for library in libraries.iter().filter(|library| library.enabled) {
        device(report, &format!("library {}", library.name), &library.device_path);
    }
}

fn device(report: &mut Report, name: &str, path: &str) {
    let subject = format!("{name} ({path})");
    if let Some(rest) = path.strip_prefix("virtual:") {
        let folder = Path::new(rest.split('#').next().unwrap_or(rest));
        match std::fs::read_dir(folder) {
            Ok(_) => report.ok("device", subject, "Its folder is there."),
            Err(error) => report.fail(
                "device",
                subject,
                format!("Its folder cannot be read: {error}."),
                "Mount its file system, or move the folder back.",
            ),
        }
        return;
    }
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mend = "Is it switched on and connected? `lsscsi -g` shows what the kernel sees. Names like /dev/nst0 change \
                        from start to start: use those in /dev/tape/by-id.";
            report.fail("device", subject, "There is no such device.", mend);
        }
        Err(error) => report.fail("device", subject, format!("It cannot be looked at: {error}."), GROUP),
        Ok(metadata) if !metadata.file_type().is_char_device() => {
            report.fail(
                "device",
                subject,
                "This is no device.",
                "Name its device: /dev/tape/by-id/…-nst, or /dev/sg… of a changer.",
            );
        }
        Ok(_) => match rustix::fs::access(path, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK) {
            Err(error) => report.fail("device", subject, format!("It may not be used: {error}."), GROUP),
            Ok(()) if rewinds(path) => {
                let mend = "Name the one that does not rewind: /dev/nst0 in place of /dev/st0, …-nst in place of … in /dev/tape/by-id.";
                report.fail(
                    "device",
                    subject,
                    "This device rewinds the tape whenever it is closed, and is refused.",
                    mend,
                );
            }
            Ok(()) => report.ok("device", subject, "It is there, and may be used."),
        },
    }
}

const GROUP: &str = "Put the user of the server into the group of the device (most often: usermod -aG tape tapebackarr), and start \
                     the server anew.";

/// Whether the kernel's name of the device is one that rewinds: st0, st0a ….
fn rewinds(path: &str) -> bool {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.strip_prefix("st").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn verdict(path: &str) -> (Verdict, String) {
        let mut report = Report::default();
        device(&mut report, "drive x", path);
        let finding = report.findings.remove(0);
        (finding.verdict, finding.about)
    }

    #[test]
    fn devices_are_what_they_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().display();
        assert_eq!(verdict(&format!("virtual:{dir}#drive0")).0, Verdict::Ok);
        assert_eq!(verdict(&format!("virtual:{dir}/gone#drive0")).0, Verdict::Failure);
        assert_eq!(verdict("/dev/tape/by-id/no-such-drive"), (Verdict::Failure, "There is no such device.".into()));
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(verdict(file.to_str().unwrap()), (Verdict::Failure, "This is no device.".into()));
        assert_eq!(verdict("/dev/null").0, Verdict::Ok);
        let link = |name: &str| {
            let path = folder.path().join(name);
            std::os::unix::fs::symlink(format!("/nowhere/{name}"), &path).unwrap();
            rewinds(path.to_str().unwrap())
        };
        assert!(link("st0") && link("st12a") && !link("nst0") && !link("stx"));
    }
}
