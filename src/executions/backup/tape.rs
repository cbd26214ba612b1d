//! The next tape for a backup: chosen, fetched, checked, and standing at its end of data.

use super::append::{self, AppendAt};
use crate::db::{self, TapeStatus};
use crate::executions::{Context, Destroy, Lease, Wanted, label, mount, tape_reading};
use crate::media::choose::Choice;
use crate::media::facts::Facts;
use crate::media::lifecycle;
use crate::{Error, Result};
use tape_drive::MediumKind;
use tape_format::Label;
use tape_format::toc::Summary;

/// A tape that is ready to be appended to.
pub struct OpenTape {
    /// Holds drive and tape.
    pub lease: Lease,
    /// Its row.
    pub tape_id: i32,
    /// What it calls itself.
    pub label: Label,
    /// Where the append begins.
    pub at: AppendAt,
    /// The sets on it, for the tables of contents of later ones.
    pub earlier: Vec<Summary>,
}

/// Chooses a tape of the pool (or takes the one named), gets it into a drive, and checks it. `not` are tapes that this
/// run has filled.
pub fn next_tape(context: &Context, pool_id: i32, named: Option<i32>, not: &[i32]) -> Result<OpenTape> {
    context.phase("positioning", "Choosing a tape.")?;
    let (lease, why) = context.take(|taken| {
        let facts = Facts::read(&mut *context.conn()?, pool_id, named, taken)?;
        match facts.choose(named, not) {
            Choice::Use { tape, drive, why } => Ok(Wanted::Take { drive, tape: Some(tape), choice: why }),
            Choice::Wait(reason) => Ok(Wanted::Wait(reason)),
            Choice::None(reason) => Err(Error::conflict("no_tape", reason)),
            Choice::Fetch { tape, what } => {
                let mut free = facts.drives.iter().filter(|drive| drive.taken_by.is_none());
                let standing_alone = free.clone().find(|drive| drive.library.is_none());
                match standing_alone.or_else(|| free.next()) {
                    Some(drive) => Ok(Wanted::Take { drive: drive.id, tape: Some(tape), choice: vec![what] }),
                    None => Ok(Wanted::Wait("all drives are in use".into())),
                }
            }
        }
    })?;
    context.why(&why)?;
    let tape_id = lease.tape().ok_or_else(|| Error::internal("a tape was chosen without being taken"))?;
    context.note_lease(&lease)?;
    open(context, lease, tape_id)
}

/// Gets a tape into a drive on which a part was cut off, and puts its end in order.
pub fn put_in_order(context: &Context, tape_id: i32) -> Result<OpenTape> {
    open(context, tape_reading::take(context, tape_id, None)?, tape_id)
}

fn open(context: &Context, lease: Lease, tape_id: i32) -> Result<OpenTape> {
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    let mut label = mount::mount(context, &lease, tape_id)?;
    let snapshot = futures_executor::block_on(context.services.drives.snapshot(lease.drive()))?;
    if let Some(medium) = &snapshot.medium {
        if medium.write_protected {
            return Err(Error::conflict(
                "write_protected",
                format!("tape {} is write-protected; slide the tab on the cartridge, or retire the tape", tape.label),
            ));
        }
        if medium.kind == MediumKind::Cleaning {
            return Err(Error::conflict("cleaning_cartridge", format!("tape {} is a cleaning cartridge", tape.label)));
        }
    }
    if tape.status == TapeStatus::Expired {
        context.phase("writing", format!("Everything on tape {} has expired: it starts anew.", tape.label))?;
        lifecycle::may_reuse_loaded(context, &lease, tape_id, &label)?;
        label = label::write(context, &lease, &tape, &tape.label, Destroy::Confirmed)?;
    }
    let at = append::prepare(context, &lease, tape_id, &label)?;
    context.progress.set_tape(
        crate::executions::TapeFill {
            label: tape.label.clone(),
            capacity_bytes: u64::try_from(tape.capacity_bytes).unwrap_or_default(),
            used_bytes: u64::try_from(tape.used_bytes).unwrap_or_default(),
        },
        snapshot.device_path,
    );
    let earlier = append::earlier(&mut *context.conn()?, tape_id)?;
    Ok(OpenTape { lease, tape_id, label, at, earlier })
}
