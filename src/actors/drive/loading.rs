//! Drawing a tape in, which takes from seconds to hours, and what the drive can do with it then.

use super::tasks::{DriveTask, FirstBlock, Unit, examine};
use crate::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};
use tape_drive::lto::{self, Access, FORMATS, Generation};
use tape_drive::{Capabilities, DriveErrorKind, DriveIdentity, DriveState, DriveStatus, Medium, MediumKind, TapeDrive};

/// Ordinary loading is over by then.
const ORDINARY: Duration = Duration::from_secs(40);

/// Hears, in words, how loading goes on when it takes long.
pub type Told = Box<dyn FnMut(&str) + Send>;

/// Threads the cartridge in the drive and reads its label.
#[derive(Default)]
pub struct LoadMedium {
    /// Who wants to hear of it.
    pub told: Option<Told>,
}

impl DriveTask for LoadMedium {
    type Output = FirstBlock;
    const NAME: &'static str = "load the tape";
    const HEALTH: bool = true;

    fn run(mut self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<FirstBlock> {
        let (since, mut last) = (Instant::now(), String::new());
        let loaded = tape_drive::make_ready(drive, &mut |status| {
            if status.state != DriveState::Ready {
                unit.forget_medium();
            }
            unit.update(|state| {
                state.status = Some(status);
                state.loading_seconds = match status.state {
                    DriveState::BecomingReady { .. } => Some(since.elapsed().as_secs()),
                    _ => None,
                };
            });
            if let (Some(told), Some(words)) = (&mut self.told, words(status, since.elapsed()))
                && words != last
            {
                told(&words);
                last = words;
            }
        });
        unit.update(|state| state.loading_seconds = None);
        loaded.map_err(|error| match error.kind {
            DriveErrorKind::IncompatibleMedium => {
                let message = format!("{error}; {}", takes(drive.identity()));
                Error::new(ErrorKind::Conflict, "incompatible_medium", message)
            }
            _ => error.into(),
        })?;
        examine(drive, unit)
    }
}

/// What is told of a drive that takes long; by the half minute, or as the drive tells how far it is.
fn words(status: DriveStatus, taken: Duration) -> Option<String> {
    let DriveState::BecomingReady { percent } = status.state else { return None };
    if taken < ORDINARY {
        return None;
    }
    let half_minutes = taken.as_secs() / 30;
    let time = format!("{}:{:02}", half_minutes / 2, half_minutes % 2 * 30);
    let far = percent.map(|percent| format!(", {percent} %")).unwrap_or_default();
    Some(format!(
        "The drive has been getting the tape ready for {time} minutes{far}. A new LTO-9 tape is measured when it is loaded for \
         the first time, which takes up to two hours: leave it alone."
    ))
}

/// Which cartridges a drive takes, by its name.
fn takes(identity: &DriveIdentity) -> String {
    let drive = format!("{} {}", identity.vendor, identity.product);
    let Some(generation) = Generation::of_product(&identity.product) else {
        return format!("see which ones the drive {drive} takes");
    };
    let names = |wanted: Access| -> Vec<&str> {
        FORMATS.iter().filter(|format| generation.access(format.density) == wanted).map(|format| format.name).collect()
    };
    let mut words = format!("the drive {drive} writes {}", names(Access::ReadWrite).join(", "));
    let reads = names(Access::ReadOnly);
    if !reads.is_empty() {
        words.push_str(&format!(", and reads {}", reads.join(", ")));
    }
    words
}

/// Whether the drive only reads tapes of a density: as it says itself, or else as its generation is known to do.
fn only_reads(can: &Capabilities, identity: &DriveIdentity, density: u8) -> bool {
    let told: Vec<bool> =
        can.densities.iter().filter(|known| known.code == density).map(|known| known.writable).collect();
    match told.is_empty() {
        false => !told.contains(&true),
        true => Generation::of_product(&identity.product)
            .is_some_and(|generation| generation.access(density) == Access::ReadOnly),
    }
}

/// Refuses a cartridge that cannot be written in this drive, and says which one can.
pub fn may_write(drive: &mut dyn TapeDrive, medium: &Medium) -> Result<()> {
    if medium.kind == MediumKind::Cleaning {
        return Err(Error::conflict("cleaning_cartridge", "this is a cleaning cartridge; it holds no data"));
    }
    let can = match drive.capabilities() {
        Ok(can) => can,
        Err(error) if error.kind == DriveErrorKind::Unsupported => Capabilities::default(),
        Err(error) => return Err(error.into()),
    };
    if medium.density != 0 && only_reads(&can, drive.identity(), medium.density) {
        let format = lto::format_of_density(medium.density);
        let what = format.map_or_else(|| format!("of density {:02X}h", medium.density), |format| format.name.into());
        let message =
            format!("the tape is {what}, which this drive reads but cannot write: {}", takes(drive.identity()));
        return Err(Error::conflict("incompatible_medium", message));
    }
    if medium.write_protected {
        return Err(Error::conflict(
            "write_protected",
            "the tape is write-protected; slide the tab on the cartridge, or use another one",
        ));
    }
    Ok(())
}

/// Whether the tape in the drive can be written at all, found before a job begins.
pub struct MayWrite;

impl DriveTask for MayWrite {
    type Output = ();
    const NAME: &'static str = "see whether the tape can be written";

    fn run(self, drive: &mut dyn TapeDrive, _: &Unit) -> Result<()> {
        let medium = drive.medium()?;
        may_write(drive, &medium)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape_drive::SupportedDensity;

    fn drive(product: &str) -> DriveIdentity {
        let text = |text: &str| text.to_owned();
        DriveIdentity { vendor: text("IBM"), product: text(product), revision: text("1"), serial: text("S") }
    }

    #[test]
    fn long_loading_is_told_by_the_half_minute() {
        let state = |percent| DriveState::BecomingReady { percent };
        let status = |state| DriveStatus { state, write_protected: false };
        let at = |seconds, percent| words(status(state(percent)), Duration::from_secs(seconds));
        assert_eq!(at(39, None), None);
        assert!(at(3700, None).unwrap_or_default().contains("for 61:30 minutes. A new LTO-9"));
        assert!(at(60, Some(7)).unwrap_or_default().contains("for 1:00 minutes, 7 %."));
        assert_eq!(at(61, None), at(89, None), "not told again and again");
        assert_eq!(words(status(DriveState::Ready), Duration::from_secs(99)), None);
    }

    #[test]
    fn a_refusal_names_what_the_drive_takes() {
        assert_eq!(takes(&drive("ULT3580-TD7")), "the drive IBM ULT3580-TD7 writes LTO-6, LTO-7, and reads LTO-5");
        assert_eq!(takes(&drive("ULTRIUM-HH9")), "the drive IBM ULTRIUM-HH9 writes LTO-8, LTO-9");
        assert!(takes(&drive("SDLT320")).contains("SDLT320"));
    }

    #[test]
    fn what_the_drive_says_of_a_density_counts_before_what_its_generation_is_known_for() {
        let told = |code, writable| SupportedDensity { code, writable, name: String::new() };
        let can = Capabilities { densities: vec![told(0x58, false), told(0x5c, true)], ..Capabilities::default() };
        let seven = drive("ULT3580-TD7");
        assert!(only_reads(&can, &seven, 0x58) && !only_reads(&can, &seven, 0x5c));
        let nothing = Capabilities::default();
        assert!(only_reads(&nothing, &seven, 0x58) && !only_reads(&nothing, &seven, 0x5a));
        assert!(!only_reads(&nothing, &drive("unknown"), 0x58), "nobody knows: the drive will say");
    }
}
