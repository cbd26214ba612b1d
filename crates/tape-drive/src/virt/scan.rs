//! Which virtual drives and changers there are in a directory.

use super::state::Folder;
use crate::{DeviceKind, DriveError, ElementAddress, FoundDevice, Result};
use std::path::Path;

/// The devices of the library in `dir`, or of all libraries that are directories in `dir`, in order of their paths.
///
/// Errors: `Io` if `dir` cannot be read, or holds a library that cannot.
pub fn scan(dir: &Path) -> Result<Vec<FoundDevice>> {
    if dir.join("library.json").exists() {
        return scan_library(dir);
    }
    let fail = |error: std::io::Error| super::state::io_error(dir, "list", &error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.join("library.json").exists() {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    let mut found = Vec::new();
    for path in paths {
        found.extend(scan_library(&path)?);
    }
    Ok(found)
}

fn scan_library(dir: &Path) -> Result<Vec<FoundDevice>> {
    let folder = Folder::open(dir)?;
    let state = folder.read()?;
    let Some(path) = folder.path().to_str() else {
        let message = format!("{} cannot be part of a device path: it is not UTF-8", folder.path().display());
        return Err(DriveError::new(crate::DriveErrorKind::Unsupported, crate::Operation::Identify, message));
    };
    let changer = super::changer::has_changer(&state).then(|| {
        let identity = super::changer::identity(&state);
        let device_path = format!("virtual:{path}#changer");
        FoundDevice {
            kind: DeviceKind::Changer,
            paths: vec![device_path.clone()],
            device_path,
            vendor: identity.vendor,
            product: identity.product,
            revision: identity.revision,
            serial: identity.serial,
            names: Vec::new(),
            generation: None,
            target: None,
            element: None,
            changer_serial: None,
            problem: None,
        }
    });
    let drives = state.drives.iter().enumerate().map(|(number, bay)| {
        let identity = super::drive::identity(&state, bay);
        let device_path = format!("virtual:{path}#drive{number}");
        FoundDevice {
            kind: DeviceKind::Drive,
            paths: vec![device_path.clone()],
            device_path,
            vendor: identity.vendor,
            product: identity.product,
            revision: identity.revision,
            serial: identity.serial,
            names: Vec::new(),
            generation: Some(bay.generation),
            target: None,
            problem: None,
            element: changer.as_ref().map(|_| ElementAddress(bay.address)),
            changer_serial: changer.as_ref().map(|changer| changer.serial.clone()),
        }
    });
    let drives: Vec<FoundDevice> = drives.collect();
    Ok(changer.into_iter().chain(drives).collect())
}
