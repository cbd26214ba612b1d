//! The target: opens the devices, listens, and turns connections into sessions.

use crate::injection::Injection;
use crate::iscsi::Broken;
use crate::iscsi::chap::Credentials;
use crate::iscsi::connection::{Connection, ManagementLog, Service};
use crate::iscsi::login::{Door, Purpose, log_in};
use crate::scsi::Nexus;
use crate::scsi::changer::Robot;
use crate::scsi::tape::Drive;
use crate::scsi::unit::{Hand, Unit};
use crate::units::Units;
use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tape_drive::virt::library;
use tape_scsi::{Sense, SenseKey, TapeAlert};

/// Connections at the same time, logged in or not.
const MAX_CONNECTIONS: usize = 32;
/// A login that takes longer is none.
const LOGIN_TIME: Duration = Duration::from_secs(15);
/// An initiator that does not take its answers for so long is gone.
const WRITE_TIME: Duration = Duration::from_secs(60);

/// What to serve, and to whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the virtual library.
    pub library: PathBuf,
    /// Where to listen; port 0: any free one.
    pub listen: SocketAddr,
    /// Name of the target (RFC 7143, 4.2.7); `None`: made from the serial number of the library.
    pub name: Option<String>,
    /// Who may log in; needed for anything but the loopback network.
    pub credentials: Option<Credentials>,
    /// Whether [`Target::injection`] does something.
    pub injection: bool,
}

/// Why a target cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Everybody could read and erase the tapes.
    #[error(
        "{0} can be reached from other machines, and without CHAP everybody there could read and erase the tapes: set a \
         user and a secret, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The library, or a device of it, cannot be used.
    #[error("{0}")]
    Library(#[from] tape_drive::DriveError),
    /// The address cannot be listened on, or no thread can be started.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
}

/// A running target. Dropping it closes all connections.
#[derive(Debug)]
pub struct Target {
    shared: Arc<Shared>,
    address: SocketAddr,
    injections: BTreeMap<u16, Injection>,
}

#[derive(Debug)]
struct Shared {
    door: Door,
    units: Units,
    stopped: AtomicBool,
    connections: AtomicUsize,
    management: ManagementLog,
    handles: AtomicU16,
    /// The connection of each session, to be closed when its initiator logs in anew.
    sessions: Mutex<HashMap<Nexus, (u16, TcpStream)>>,
}

impl Target {
    /// Opens the changer and the drives of the library, which nobody else may have open, and listens.
    pub fn start(settings: &Settings) -> Result<Target, TargetError> {
        if settings.credentials.is_none() && !settings.listen.ip().is_loopback() {
            return Err(TargetError::Open(settings.listen));
        }
        let state = library::read(&settings.library)?;
        let name = settings.name.clone().unwrap_or_else(|| name_for(&state.serial));
        let failed = |error| TargetError::Listen(settings.listen, error);
        let (units, injections) = open_units(&settings.library, settings.injection)?;
        let units = Units::start(units).map_err(failed)?;
        let listener = TcpListener::bind(settings.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            door: Door { target_name: name, credentials: settings.credentials.clone() },
            units,
            stopped: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            management: ManagementLog::default(),
            handles: AtomicU16::new(1),
            sessions: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("iscsi".into());
        thread.spawn(move || accept(&listener, &accepting)).map_err(failed)?;
        Ok(Target { shared, address, injections })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.shared.door.target_name
    }

    /// Rules and log of a logical unit; `None` unless the settings asked for it.
    pub fn injection(&self, unit: u16) -> Option<&Injection> {
        self.injections.get(&unit)
    }

    /// All initiators of a unit are told of this (unit attention, additional sense code and qualifier).
    pub fn attend(&self, unit: u16, asc: u8, ascq: u8) {
        let sense = Sense::new(SenseKey::UnitAttention, asc, ascq);
        self.shared.units.with(unit, move |unit| unit.attend(sense, None));
    }

    /// For so long a unit says that it becomes ready.
    pub fn becoming_ready(&self, unit: u16, how_long: Duration) {
        self.shared.units.with(unit, move |unit| unit.becoming_ready(how_long));
    }

    /// Somebody presses the button of a drive that ejects the cartridge.
    ///
    /// Errors: those of ejecting.
    pub fn eject(&self, unit: u16) -> tape_drive::Result<()> {
        self.shared.units.with(unit, |unit| unit.device.by_hand(&Hand::Eject)).unwrap_or(Ok(()))
    }

    /// Somebody pushes the cartridge that lies in the bay of a drive back in.
    ///
    /// Errors: those of loading.
    pub fn push_in(&self, unit: u16) -> tape_drive::Result<()> {
        self.shared.units.with(unit, |unit| unit.device.by_hand(&Hand::PushIn)).unwrap_or(Ok(()))
    }

    /// A drive raises a TapeAlert flag, until its cartridge is unloaded.
    pub fn alert(&self, unit: u16, alert: TapeAlert) {
        // Nothing of it can fail.
        let _ = self.shared.units.with(unit, move |unit| unit.device.by_hand(&Hand::Alert(alert)));
    }

    /// Task management functions (RFC 7143, 11.5.1) since the last call, each with its response (11.6.1).
    pub fn take_management(&self) -> Vec<(u8, u8)> {
        self.shared.management.take()
    }

    /// Breaks all connections, as a network does.
    pub fn disconnect(&self) {
        for (_, stream) in self.shared.sessions().values() {
            // It may be gone already.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.disconnect();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Shared {
    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<Nexus, (u16, TcpStream)>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that stays with the library.
fn name_for(serial: &str) -> String {
    let part: String = serial.to_lowercase().chars().filter(|char| char.is_ascii_alphanumeric()).collect();
    format!("iqn.2026-01.tapebackarr:{part}")
}

type Opened = (BTreeMap<u16, Unit>, BTreeMap<u16, Injection>);

fn open_units(directory: &Path, inject: bool) -> tape_drive::Result<Opened> {
    let state = library::read(directory)?;
    let robot = u16::from(!state.slots.is_empty() || !state.mail_slots.is_empty());
    let luns: Vec<u16> = (0..robot + state.drives.len() as u16).collect();
    let mut injections = BTreeMap::new();
    let mut units = BTreeMap::new();
    for &lun in &luns {
        let injection = inject.then(Injection::default);
        let device: Box<dyn crate::scsi::unit::Device> = match lun.checked_sub(robot) {
            None => Box::new(Robot::open(directory)?),
            Some(number) => Box::new(Drive::open(directory, number)?),
        };
        units.insert(lun, Unit::new(device, luns.clone(), injection.clone()));
        injections.extend(injection.map(|injection| (lun, injection)));
    }
    Ok((units, injections))
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            // Mostly too many open files: they become fewer.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if shared.connections.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let serving = Arc::clone(shared);
        let spawned = std::thread::Builder::new().name("iscsi connection".into()).spawn(move || {
            // Why a connection broke is of no use to the target; the initiator tells its own user.
            let _ = serve(stream, &serving);
            serving.connections.fetch_sub(1, Ordering::AcqRel);
        });
        if spawned.is_err() {
            shared.connections.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> Result<(), Broken> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOGIN_TIME))?;
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let handle =
        shared.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, |old| Some(old.checked_add(1).unwrap_or(1)));
    let handle = handle.unwrap_or(1).max(1);
    let session = log_in(&mut stream, &shared.door, handle)?;
    stream.set_read_timeout(None)?;
    let nexus = session.nexus.clone();
    let normal = session.purpose == Purpose::Normal;
    if normal {
        // Session reinstatement (RFC 7143, 6.3.5): the old session of the same initiator ends.
        let old = shared.sessions().insert(nexus.clone(), (handle, stream.try_clone()?));
        if let Some((_, old)) = old {
            let _ = old.shutdown(std::net::Shutdown::Both);
        }
        shared.units.log_in(&nexus);
    }
    let service =
        Service { units: &shared.units, target_name: &shared.door.target_name, management: &shared.management };
    let result = Connection::new(&service, stream, session, nexus.clone()).and_then(Connection::serve);
    let mut sessions = shared.sessions();
    if sessions.get(&nexus).is_some_and(|(current, _)| *current == handle) {
        sessions.remove(&nexus);
    }
    result
}
