//! Tests a drive of the server, and the robot that serves it.

use super::{Context, Lease, library_action, mount};
use crate::actors::drive::tasks::{FirstBlock, examine};
use crate::actors::drive::{DriveTask, Unit};
use crate::actors::library::Scan;
use crate::db;
use crate::drive_test::{Failure, Report, look, write};
use crate::{Error, ErrorKind, Result};
use serde_json::Value;
use tape_drive::{ElementAddress, ElementKind, Inventory, TapeDrive};

/// Runs all checks.
pub fn run(context: &Context, lease: &Lease, destructive: bool, fill: bool) -> Result<Value> {
    context.load(lease)?;
    let what = if destructive { "The drive is tested; the tape in it is overwritten." } else { "The drive is tested." };
    context.phase("testing", what)?;
    let mut report = context.perform(lease, Checks { destructive, fill })?;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    if let Some(library) = drive.library_id {
        context.phase("testing", "The robot takes the tape out and brings it back.")?;
        report.check("the robot takes the tape out and back", || {
            round_trip(context, lease, library).map_err(|error| Failure::Failed(error.to_string()))
        });
    }
    let failed: Vec<&str> = report.failed().map(|line| line.check).collect();
    if failed.is_empty() {
        return Ok(report.json());
    }
    let message = format!(
        "{} of {} checks failed: {}; do not use this drive for backups before that is mended",
        failed.len(),
        report.lines().len(),
        failed.join(", ")
    );
    Err(Error::new(ErrorKind::Unprocessable, "drive_test_failed", message).with_details(report.json()))
}

/// The checks of the drive itself.
struct Checks {
    destructive: bool,
    fill: bool,
}

impl DriveTask for Checks {
    type Output = Report;
    const NAME: &'static str = "test the drive";
    const HEALTH: bool = true;

    fn run(self, drive: &mut dyn TapeDrive, unit: &Unit) -> Result<Report> {
        let mut report = Report::new(&unit.device_path, drive.identity().clone());
        look(drive, &mut report);
        if self.destructive {
            let holds = match examine(drive, unit)? {
                FirstBlock::Blank => None,
                FirstBlock::Ours(label) => Some(format!("the tape is '{}'", label.label)),
                FirstBlock::Foreign(what) => Some(format!("there is data on the tape ({what})")),
            };
            if let Some(what) = holds {
                let message = format!("{what}, and a test that writes takes a blank tape; nothing was written");
                return Err(Error::conflict("tape_not_blank", message));
            }
            write(drive, &mut report, self.fill);
            unit.forget_medium();
        }
        Ok(report)
    }
}

/// Out of the drive to a slot, and back: the library says where it is each time, and its beginning is what it was.
fn round_trip(context: &Context, lease: &Lease, library: i32) -> Result<String> {
    let begin = std::time::Instant::now();
    let libraries = &context.services.libraries;
    let drive = db::drives::find(&mut *context.conn()?, lease.drive())?;
    let before = libraries.inventory_blocking(library, Scan::Remembered)?;
    let bay = mount::bay_of(&before, &drive)?;
    let first = format!("{:?}", context.load(lease)?);
    let out = mount::put_away(context, lease, library, None)?;
    let slot = newly_full(&before, &out)
        .filter(|_| !is_full(&out, bay))
        .ok_or_else(|| wrong("the library does not say that the tape went from the drive to a slot"))?;
    library_action::load_from(context, lease, library, slot)?;
    let back = libraries.inventory_blocking(library, Scan::Remembered)?;
    if !is_full(&back, bay) || is_full(&back, slot) {
        return Err(wrong("the library does not say that the tape went from the slot to the drive"));
    }
    if format!("{:?}", context.load(lease)?) != first {
        return Err(wrong("the tape that came back does not begin as the one that went out"));
    }
    let name = library_action::names(context, library)?.name(slot);
    Ok(format!("to {name} and back in {} s", begin.elapsed().as_secs()))
}

fn wrong(what: &str) -> Error {
    Error::conflict("element_state", what)
}

fn is_full(inventory: &Inventory, address: ElementAddress) -> bool {
    inventory.element(address).is_some_and(|element| element.full)
}

/// The slot that is full now and was empty before.
fn newly_full(before: &Inventory, now: &Inventory) -> Option<ElementAddress> {
    let mut slots = now.of(ElementKind::Storage).map(|slot| slot.address);
    slots.find(|slot| is_full(now, *slot) && !is_full(before, *slot))
}
