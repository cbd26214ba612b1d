//! Which real drives and libraries the kernel knows: a walk through sysfs.
//!
//! It sends no command to a device of which the kernel knows the serial number, so that it can be done at any time,
//! whatever the devices are doing.

use crate::lto::Generation;
use crate::{DeviceKind, FoundDevice};
use rustix::fs::{Access, access};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tape_scsi::command::inquiry::designator::decode_list;
use tape_scsi::command::inquiry::{DeviceType, vpd};
use tape_scsi::transport::{SgIo, Sharing};

/// Where the kernel's and udev's files are.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/sys`.
    pub sysfs: PathBuf,
    /// `/dev`.
    pub dev: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Roots { sysfs: "/sys".into(), dev: "/dev".into() }
    }
}

/// All tape drives and medium changers, in the order of their SCSI addresses. In which bay a drive sits only its library
/// knows: see [`crate::place`].
pub fn scan(roots: &Roots) -> Vec<FoundDevice> {
    let links = stable_links(&roots.dev);
    let mut devices: Vec<([u64; 4], PathBuf)> = entries(&roots.sysfs.join("bus/scsi/devices"))
        .into_iter()
        .filter_map(|path| Some((address(path.file_name()?.to_str()?)?, path)))
        .collect();
    devices.sort();
    devices.iter().filter_map(|(address, path)| device(roots, &links, *address, path)).collect()
}

/// [`scan`], and all libraries that can be asked are asked which drive is in which bay.
///
/// Not for a process that works with one of these libraries: what a library has to tell (a unit attention) it tells once,
/// to whoever asks first.
pub fn scan_and_place(roots: &Roots) -> Vec<FoundDevice> {
    let mut found = scan(roots);
    let changers: Vec<FoundDevice> =
        found.iter().filter(|device| device.kind == DeviceKind::Changer).cloned().collect();
    for changer in changers {
        let inventory = crate::open_changer(&changer.device_path).and_then(|mut open| open.inventory());
        match inventory {
            Ok(inventory) => crate::place(&mut found, &changer, &inventory),
            Err(error) => {
                let same = found.iter_mut().find(|device| device.device_path == changer.device_path);
                if let Some(device) = same.filter(|device| device.problem.is_none()) {
                    device.problem = Some(error.to_string());
                }
            }
        }
    }
    found
}

/// `host:channel:id:lun`.
fn address(name: &str) -> Option<[u64; 4]> {
    let numbers: Option<Vec<u64>> = name.split(':').map(|number| number.parse().ok()).collect();
    numbers?.try_into().ok()
}

fn device(roots: &Roots, links: &Links, address: [u64; 4], path: &Path) -> Option<FoundDevice> {
    let kind = match DeviceType::from_bits(text(path, "type").parse().ok()?) {
        DeviceType::SequentialAccess => DeviceKind::Drive,
        DeviceType::MediumChanger => DeviceKind::Changer,
        DeviceType::Other(_) => return None,
    };
    // In the order in which they are liked: SCSI generic tells most.
    let nodes: Vec<PathBuf> = [("scsi_generic", "sg"), ("scsi_tape", "nst"), ("scsi_changer", "sch")]
        .into_iter()
        .flat_map(|(class, prefix)| nodes(&path.join(class), prefix))
        .map(|name| roots.dev.join(name))
        .collect();
    let mut paths: Vec<String> = nodes.iter().filter_map(|node| links.get(node)).flatten().cloned().collect();
    paths.extend(nodes.iter().filter(|node| node.exists()).map(|node| node.display().to_string()));
    let problem = problem(&nodes);
    let wanted = nodes.first().map(|node| node.display().to_string()).unwrap_or_default();
    let product = text(path, "model");
    let (serial, names) = names(path, nodes.first().filter(|_| problem.is_none()));
    let [host, channel, id, _] = address;
    Some(FoundDevice {
        kind,
        device_path: paths.first().cloned().unwrap_or(wanted),
        paths,
        vendor: text(path, "vendor"),
        revision: text(path, "rev"),
        generation: (kind == DeviceKind::Drive).then(|| Generation::of_product(&product)).flatten(),
        product,
        serial,
        names,
        target: Some(format!("{host}:{channel}:{id}")),
        element: None,
        changer_serial: None,
        problem,
    })
}

/// Serial number and names as the kernel read them when it found the device; of devices that it did not ask for them, as
/// they say themselves.
fn names(path: &Path, node: Option<&PathBuf>) -> (String, Vec<String>) {
    let page = |name: &str, code| {
        fs::read(path.join(name)).ok().and_then(|bytes| Some(vpd::content(code, &bytes).ok()?.to_vec()))
    };
    let ask = || {
        let mut transport = SgIo::open(node?, Sharing::Shared).ok()?;
        vpd::serial_number(&mut transport, vpd::UNIT_SERIAL_NUMBER).ok()?
    };
    let serial = match page("vpd_pg80", vpd::UNIT_SERIAL_NUMBER) {
        Some(content) => vpd::serial_number_in(&content),
        None => ask(),
    };
    let designators = page("vpd_pg83", vpd::DEVICE_IDENTIFICATION).map(|content| decode_list(&content));
    let names = designators.unwrap_or_default().iter().map(|designator| designator.text()).collect();
    (serial.unwrap_or_default(), names)
}

/// What keeps this process from using a device with these nodes.
fn problem(nodes: &[PathBuf]) -> Option<String> {
    let Some(first) = nodes.first() else {
        return Some("the kernel's sg driver does not serve it: load the module sg (modprobe sg)".into());
    };
    let Some(there) = nodes.iter().find(|node| node.exists()) else {
        return Some(format!(
            "there is no {}; a container must be given the device (docs/hardware.md)",
            first.display()
        ));
    };
    access(there, Access::READ_OK | Access::WRITE_OK).err().map(|_| {
        let user = rustix::process::geteuid().as_raw();
        format!("user {user} may not use {}; add it to the group that owns it (docs/hardware.md)", there.display())
    })
}

/// Names in a class folder of a device that are `prefix` and a number: `nst0`, but not `nst0a`.
fn nodes(folder: &Path, prefix: &str) -> Vec<String> {
    let name_of = |path: PathBuf| Some(path.file_name()?.to_str()?.to_owned());
    let is_node = |name: &String| {
        name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut names: Vec<String> = entries(folder).into_iter().filter_map(name_of).filter(is_node).collect();
    names.sort();
    names
}

/// Paths below `/dev/tape/by-id` for each node.
type Links = BTreeMap<PathBuf, Vec<String>>;

fn stable_links(dev: &Path) -> Links {
    let mut links = Links::new();
    let real_dev = fs::canonicalize(dev).unwrap_or_else(|_| dev.to_owned());
    for link in entries(&dev.join("tape/by-id")) {
        let (Ok(target), Some(path)) = (fs::canonicalize(&link), link.to_str()) else { continue };
        // Nodes are looked up by the path that the caller knows of the folder.
        let node = target.strip_prefix(&real_dev).map(|rest| dev.join(rest)).unwrap_or(target);
        links.entry(node).or_default().push(path.to_owned());
    }
    // Of several, those that say what they are of, and the shortest of them: links of ports have their number in them.
    let named = |path: &str| ["-sg", "-nst", "-changer"].iter().any(|end| path.ends_with(end));
    links.values_mut().for_each(|paths| paths.sort_by_key(|path| (!named(path), path.len(), path.clone())));
    links
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn text(device: &Path, name: &str) -> String {
    let bytes = fs::read(device.join(name)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_matches(|c: char| c.is_whitespace() || c == '\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Fixture {
        _folder: tempfile::TempDir,
        roots: Roots,
    }

    impl Fixture {
        fn new() -> Fixture {
            let folder = tempfile::tempdir().unwrap();
            let roots = Roots { sysfs: folder.path().join("sys"), dev: folder.path().join("dev") };
            fs::create_dir_all(roots.dev.join("tape/by-id")).unwrap();
            fs::create_dir_all(roots.sysfs.join("bus/scsi/devices/host0")).unwrap();
            Fixture { _folder: folder, roots }
        }

        /// A device as the kernel shows it: with nodes in these classes.
        fn device(&self, address: &str, device_type: &str, product: &str, serial: &str, nodes: &[(&str, &str)]) {
            let path = self.roots.sysfs.join("bus/scsi/devices").join(address);
            for (class, name) in nodes {
                fs::create_dir_all(path.join(class).join(name)).unwrap();
                fs::write(self.roots.dev.join(name), "").unwrap();
            }
            let mut page = vec![1, 0x80, 0, serial.len() as u8];
            page.extend(serial.bytes());
            fs::create_dir_all(&path).unwrap();
            for (name, content) in [("type", device_type), ("vendor", "IBM     "), ("model", product), ("rev", "M5A1")]
            {
                fs::write(path.join(name), format!("{content}\n")).unwrap();
            }
            fs::write(path.join("vpd_pg80"), page).unwrap();
            fs::write(path.join("vpd_pg83"), [1, 0x83, 0, 12, 1, 3, 0, 8, 0x50, 0, 0xe1, 0x11, 0x5c, 0x7a, 0x80, 1])
                .unwrap();
        }
    }

    #[test]
    fn drives_and_changers_are_found_with_their_nodes_and_stable_names() {
        let fixture = Fixture::new();
        let dev = fixture.roots.dev.display().to_string();
        fixture.device("10:0:0:0", "0", "DISK", "X", &[("scsi_generic", "sg0")]);
        let tape = [("scsi_generic", "sg2"), ("scsi_tape", "nst0"), ("scsi_tape", "nst0a"), ("scsi_tape", "st0")];
        fixture.device("2:0:0:0", "1", "ULT3580-TD6", "HU19477T3A", &tape);
        fixture.device(
            "2:0:0:1",
            "8",
            "3573-TL",
            "00X4U78W1234_LL0",
            &[("scsi_generic", "sg3"), ("scsi_changer", "sch0")],
        );
        fixture.device("3:0:0:0", "1", "Ultrium 9-SCSI", "", &[("scsi_generic", "sg4")]);
        for (link, node) in [
            ("scsi-35000e111-nst", "nst0"),
            ("scsi-35000e111-changer", "sg3"),
            ("scsi-00X4U", "sg3"),
            ("scsi-35000e111-sg", "sg2"),
        ] {
            symlink(fixture.roots.dev.join(node), fixture.roots.dev.join("tape/by-id").join(link)).unwrap();
        }
        let found = scan(&fixture.roots);
        let paths: Vec<&str> = found.iter().map(|device| device.device_path.as_str()).collect();
        let by_id = format!("{dev}/tape/by-id/scsi-35000e111");
        assert_eq!(paths, [format!("{by_id}-sg"), format!("{by_id}-changer"), format!("{dev}/sg4")]);
        let drive = &found[0];
        assert_eq!(
            (drive.kind, drive.serial.as_str(), drive.revision.as_str()),
            (DeviceKind::Drive, "HU19477T3A", "M5A1")
        );
        assert_eq!(
            (drive.vendor.as_str(), drive.names.as_slice()),
            ("IBM", ["naa.5000e1115c7a8001".to_owned()].as_slice())
        );
        assert_eq!(drive.generation.map(Generation::number), Some(6));
        for path in [format!("{dev}/sg2"), format!("{dev}/nst0"), format!("{by_id}-nst")] {
            assert!(drive.is(&path, None), "{path}");
        }
        assert!(!drive.is(&format!("{dev}/nst0a"), None), "the other modes of the driver are no devices of their own");
        assert_eq!(found[1].kind, DeviceKind::Changer);
        assert_eq!((found[1].target.as_deref(), found[1].generation), (Some("2:0:0"), None));
        assert_eq!((found[2].serial.as_str(), found[2].generation.map(Generation::number)), ("", Some(9)));
        assert!(found.iter().all(|device| device.problem.is_none()));
    }

    #[test]
    fn without_links_that_name_the_generic_node_the_tape_node_is_the_stable_one() {
        let fixture = Fixture::new();
        fixture.device("2:0:0:0", "1", "ULT3580-TD6", "A", &[("scsi_generic", "sg2"), ("scsi_tape", "nst0")]);
        symlink("../../nst0", fixture.roots.dev.join("tape/by-id/scsi-A-nst")).unwrap();
        let found = scan(&fixture.roots);
        assert!(found[0].device_path.ends_with("tape/by-id/scsi-A-nst"), "{}", found[0].device_path);
    }

    #[test]
    fn what_keeps_from_using_a_device_is_told() {
        let fixture = Fixture::new();
        fixture.device("2:0:0:0", "1", "ULT3580-TD6", "A", &[]);
        fixture.device("2:0:0:1", "8", "3573-TL", "B", &[("scsi_generic", "sg3")]);
        fs::remove_file(fixture.roots.dev.join("sg3")).unwrap();
        let found = scan(&fixture.roots);
        assert!(found[0].problem.as_deref().unwrap().contains("modprobe sg"), "{:?}", found[0].problem);
        assert!(found[1].problem.as_deref().unwrap().contains("container"), "{:?}", found[1].problem);
        assert!(found[1].device_path.ends_with("dev/sg3"));
        let nothing = Roots { sysfs: "/no/such/folder".into(), dev: "/no/such/folder".into() };
        assert_eq!(scan(&nothing), []);
    }
}
