//! The next tape for a backup: chosen, fetched, checked, and standing at its end of data.

use super::append::{self, AppendAt};
use crate::actors::drive::loading::MayWrite;
use crate::actors::drive::tasks::Precondition;
use crate::db::{self, Conn, TapeChangeReason, TapeStatus};
use crate::executions::tape_change::{Asking, Need, Refusal};
use crate::executions::{Context, Lease, Wanted, label, mount, tape_reading};
use crate::media::choose::{Choice, DriveFacts, Place, Spent};
use crate::media::facts::Facts;
use crate::media::lifecycle;
use crate::{Error, Result};
use std::collections::HashMap;
use std::time::Duration;
use tape_format::Label;
use tape_format::toc::Summary;

/// How often a tape may turn out not to be where it should be.
const TRIES: u32 = 3;

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
    /// The key that a person gave the drive for all that is written to this tape.
    pub standing_key: Option<i32>,
}

/// Chooses a tape of the pool (or takes the one named), gets it into a drive, and checks it. `not` are tapes that this
/// run has filled, or that failed. The order: a tape loaded in a free drive, one that the library brings, one that a person
/// brings. A drive that failed in this run is taken only if there is no other.
///
/// # Errors
/// A named tape that cannot be written, and what a person or the clock has to say to a request for a tape.
pub fn next_tape(context: &Context, pool_id: i32, named: Option<i32>, not: &[i32]) -> Result<OpenTape> {
    context.phase("positioning", "Choosing a tape.")?;
    let mut asking = Asking::new(context, Refusal::EndsExecution);
    let mut choosing = Choosing::new(context, pool_id, named);
    for tape in not {
        asking.behind(*tape, choosing.spend(*tape)?);
    }
    loop {
        let (lease, tape_id) = match choosing.take(asking.answer())? {
            Found::Tape(lease, tape_id) => (lease, tape_id),
            Found::Busy(reason) => {
                choosing.wait(reason)?;
                continue;
            }
            Found::Nothing(need) => {
                asking.ask(need, &|tape| choosing.refusal(tape))?;
                continue;
            }
        };
        let drive = lease.drive();
        match open(context, lease, tape_id) {
            Ok(tape) => {
                asking.done(Some(tape_id))?;
                return Ok(tape);
            }
            Err(error) if error.code == "hardware_error" && context.failed_drives.add(drive) => {
                context.warn(None, &format!("{}. The run goes on with another drive, if there is one.", error.message));
            }
            Err(error) => choosing.passes_over(tape_id, error)?,
        }
    }
}

/// What came of looking for a tape.
enum Found {
    /// This one is ours now, with the drive it is in or goes to.
    Tape(Lease, i32),
    /// Suitable ones are in use.
    Busy(String),
    /// A person has to bring one.
    Nothing(Need),
}

/// The choice of the next tape, made again and again until there is one.
struct Choosing<'a> {
    context: &'a Context,
    pool_id: i32,
    named: Option<i32>,
    /// Tapes that this run has filled, or that failed.
    filled: Vec<Spent>,
    /// Cartridges that were tried and are not what they should be.
    useless: Vec<Spent>,
    /// How often each tape was not where it should be.
    missed: HashMap<i32, u32>,
    shown: String,
}

impl<'a> Choosing<'a> {
    fn new(context: &'a Context, pool_id: i32, named: Option<i32>) -> Choosing<'a> {
        let (filled, useless) = (Vec::new(), Vec::new());
        Choosing { context, pool_id, named, filled, useless, missed: HashMap::new(), shown: String::new() }
    }

    /// A tape that the run had is not taken again: it is full, or it failed.
    fn spend(&mut self, tape: i32) -> Result<TapeChangeReason> {
        let full = db::tapes::find(&mut *self.context.conn()?, tape)?.status == TapeStatus::Full;
        let (why, reason) = match full {
            true => ("filled by this run", TapeChangeReason::TapeFull),
            false => ("it failed in this run", TapeChangeReason::TapeError),
        };
        self.filled.push((tape, why.to_owned()));
        Ok(reason)
    }

    fn spent(&self) -> Vec<Spent> {
        self.filled.iter().chain(&self.useless).cloned().collect()
    }

    /// Takes the best tape there is now. `answer`: the one that a person named when asked for any.
    fn take(&mut self, answer: Option<i32>) -> Result<Found> {
        self.forget_removed()?;
        let (context, spent) = (self.context, self.spent());
        let mut needed = None;
        let taken = context.services.drives.reservations.try_take(context.id, &mut |taken| {
            let mut conn = context.conn()?;
            let all = Facts::read(&mut conn, self.pool_id, self.named, taken)?;
            let facts = all.without_drives(&|drive| context.failed_drives.contains(drive));
            let mut choice = self.choose(&facts, answer, &spent);
            if !context.failed_drives.is_empty() && !matches!(choice, Choice::Use { .. } | Choice::Wait(_)) {
                choice = self.choose(&all, answer, &spent);
            }
            let (suggested, reason) = match choice {
                Choice::Use { tape, drive, why } => return Ok(Wanted::Take { drive, tape: Some(tape), choice: why }),
                Choice::Wait(reason) => return Ok(Wanted::Wait(reason)),
                Choice::NoDrive(reason) => return Err(Error::conflict("no_drive", reason)),
                Choice::None(reason) if self.named.is_some() => return Err(Error::conflict("no_tape", reason)),
                Choice::None(reason) => (None, reason),
                Choice::Fetch { tape, what } => (Some(tape), what),
            };
            let Some(drive) = facts.drive_for_hands().or_else(|| all.drive_for_hands()) else {
                return Ok(Wanted::Wait("all drives are in use".into()));
            };
            let message = request(&mut conn, &facts, drive, suggested, self.named)?;
            let pool = self.named.is_none().then_some(self.pool_id);
            needed = Some((Need { tape: suggested, pool, drive: Some(drive.id), message }, reason.clone()));
            Ok(Wanted::Wait(reason))
        })?;
        let reason = match taken {
            Ok((lease, why)) => {
                context.why(&why)?;
                let tape = lease.tape().ok_or_else(|| Error::internal("a tape was chosen without being taken"))?;
                context.note_lease(&lease)?;
                return Ok(Found::Tape(lease, tape));
            }
            Err(reason) => reason,
        };
        let Some((need, reason)) = needed else { return Ok(Found::Busy(reason)) };
        if reason != self.shown {
            context.why(&[format!("A person is needed: {reason}.")])?;
            self.shown = reason;
        }
        Ok(Found::Nothing(need))
    }

    /// The best tape: of all, or the one that a person has named as an answer.
    fn choose(&self, facts: &Facts, answer: Option<i32>, spent: &[Spent]) -> Choice {
        match answer.map(|tape| facts.choose(Some(tape), spent)) {
            Some(choice @ Choice::Use { .. }) => choice,
            _ => facts.choose(self.named, spent),
        }
    }

    /// A cartridge that was taken out may come back as it should be: with its tab slid, or as another one.
    fn forget_removed(&mut self) -> Result<()> {
        if self.useless.is_empty() {
            return Ok(());
        }
        let mut conn = self.context.conn()?;
        let mut still = Vec::new();
        for spent in self.useless.drain(..) {
            let tape = db::tapes::find(&mut conn, spent.0)?;
            if lifecycle::place(&mut conn, &tape)? != Place::Shelf {
                still.push(spent);
            }
        }
        self.useless = still;
        Ok(())
    }

    fn wait(&mut self, reason: String) -> Result<()> {
        self.context.check()?;
        if reason != self.shown {
            self.context.phase("waiting", format!("Waiting: {reason}."))?;
            self.shown = reason;
        }
        self.context.services.drives.reservations.wait_for_change(Duration::from_millis(500));
        Ok(())
    }

    /// Why this run cannot go on with a tape.
    fn refusal(&self, tape: i32) -> Result<Option<String>> {
        if let Some(named) = self.named {
            return Ok((tape != named).then(|| "not the one that was named for this run".into()));
        }
        let taken = self.context.services.drives.reservations.taken();
        let facts = Facts::read(&mut *self.context.conn()?, self.pool_id, None, &taken)?;
        Ok(facts.refusal(tape, &self.spent()))
    }

    /// What to do when a tape that was chosen turns out to be no good: another one is chosen, unless it had to be this.
    fn passes_over(&mut self, tape: i32, error: Error) -> Result<()> {
        self.context.check()?;
        if error.code == mount::ELSEWHERE {
            let missed = self.missed.entry(tape).or_default();
            *missed += 1;
            if *missed < TRIES {
                self.context.log(&error.message);
                return Ok(());
            }
        }
        let of_the_cartridge = matches!(
            error.code,
            mount::ELSEWHERE
                | "tape_end_mismatch"
                | "wrong_tape"
                | "unlabelled_tape"
                | "foreign_tape"
                | "write_protected"
                | "cleaning_cartridge"
                | "incompatible_medium"
                | "write_once"
                | "pool_write_once"
        );
        if self.named.is_some() || !of_the_cartridge {
            return Err(error);
        }
        self.context
            .warn(None, &format!("The tape that was chosen cannot be used: {}. Another one is taken.", error.message));
        self.useless.push((tape, error.message));
        Ok(())
    }
}

/// What a person should do, in words.
fn request(
    conn: &mut Conn,
    facts: &Facts,
    drive: &DriveFacts,
    suggested: Option<i32>,
    named: Option<i32>,
) -> Result<String> {
    let into = mount::place_for_hands(conn, drive)?;
    let label = suggested.and_then(|id| facts.tapes.iter().find(|tape| tape.id == id)).map(|tape| &tape.label);
    let pool = &facts.pool.name;
    Ok(match (label, named) {
        (Some(label), Some(_)) => format!("Insert tape {label} into {into}."),
        (Some(label), None) => {
            format!("Insert tape {label} into {into}; any other tape of pool {pool} with room will do.")
        }
        (None, _) => {
            format!("Insert a tape of pool {pool} with room into {into}, or a blank one and label it for the pool.")
        }
    })
}

/// Gets a tape into a drive on which a part was cut off, and puts its end in order. A drive that fails meanwhile is given
/// another chance, or another one is taken.
pub fn put_in_order(context: &Context, tape_id: i32) -> Result<OpenTape> {
    let mut tries = 1;
    loop {
        let mut drive = None;
        let opened = tape_reading::bring_one(context, tape_id, None, Refusal::SkipsTape).and_then(|(lease, _)| {
            drive = Some(lease.drive());
            open(context, lease, tape_id)
        });
        match opened {
            Err(error) if of_the_drive(&error) && tries < TRIES => {
                tries += 1;
                if let Some(drive) = drive.filter(|_| error.code == "hardware_error") {
                    context.failed_drives.add(drive);
                }
                context.warn(None, &format!("{}. It is tried again.", error.message));
            }
            opened => return opened,
        }
    }
}

/// What a drive, or the way to it, may do once and not again.
fn of_the_drive(error: &Error) -> bool {
    matches!(
        error.code,
        "hardware_error"
            | "command_aborted"
            | "drive_reset"
            | "medium_changed"
            | "parameters_changed"
            | "deferred_error"
            | "medium_error"
            | "device_io"
            | "device_busy"
            | "drive_not_ready"
            | "position_mismatch"
    )
}

fn open(context: &Context, lease: Lease, tape_id: i32) -> Result<OpenTape> {
    let tape = db::tapes::find(&mut *context.conn()?, tape_id)?;
    let mut label = mount::mount(context, &lease, tape_id)?;
    let snapshot = futures_executor::block_on(context.services.drives.snapshot(lease.drive()))?;
    context.perform(&lease, MayWrite).map_err(|error| error.context(format!("tape {}", tape.label)))?;
    if tape.status == TapeStatus::Expired {
        context.phase("writing", format!("Everything on tape {} has expired: it starts anew.", tape.label))?;
        let looked_at = lifecycle::may_reuse_loaded(context, &lease, tape_id, &label)?;
        label = label::write(context, &lease, &tape, &tape.label, Precondition::Holds(looked_at))?;
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
    Ok(OpenTape { lease, tape_id, label, at, earlier, standing_key: snapshot.standing_key_id })
}
