//! The suite of behaviour that every backend passes, real hardware included.
//!
//! Each check gets a drive from the caller, with the cartridge it wants, and says in words what was wrong. What a backend
//! cannot do by its nature is said by its [`Profile`], or by not having the cartridge; such checks are skipped, and
//! the result says so. **Everything on the cartridges is overwritten.**

mod encryption;
mod ends;
mod medium;
mod positions;
mod transfer;

use crate::{DriveError, DriveErrorKind, TapeDrive};
use std::fmt;

/// The cartridge a check wants to find in the drive, freshly put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// Ordinary and blank.
    Blank,
    /// Write-protected; whatever is on it.
    WriteProtected,
    /// Write-once and blank.
    Worm,
}

/// What the backend keeps of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// Everything.
    Everything,
    /// Blocks up to this length.
    BlocksUpTo(usize),
    /// The lengths of all blocks, and so many bytes of the beginning of each.
    BeginningsOf(usize),
}

/// Whether a drive tells of a cartridge that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    /// By a unit attention, as drives do.
    Told,
    /// Not, because something (a driver, a library) has already been told.
    Silent,
}

/// What is peculiar to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// What it keeps.
    pub keeps: Keeps,
    /// Whether insertion is told.
    pub insertion: Insertion,
    /// Bytes that the suite may write to reach the end of a blank tape; `None`: it is not to be reached.
    pub fill_bytes: Option<u64>,
}

impl Default for Profile {
    fn default() -> Self {
        Profile { keeps: Keeps::Everything, insertion: Insertion::Told, fill_bytes: None }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The drive behaves.
    Passed,
    /// It could not be tried, for this reason.
    Skipped(String),
    /// The drive does not behave: what it did instead.
    Failed(String),
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The check's name.
    pub name: &'static str,
    /// Its outcome.
    pub outcome: Outcome,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Passed => write!(f, "ok       {}", self.name),
            Outcome::Skipped(reason) => write!(f, "skipped  {}: {reason}", self.name),
            Outcome::Failed(reason) => write!(f, "FAILED   {}: {reason}", self.name),
        }
    }
}

/// Gives the drive with the cartridge wanted, or `None` if there is no such cartridge. The drive it gave before has been
/// dropped by then.
pub type Maker<'a> = dyn FnMut(Wanted) -> Option<Box<dyn TapeDrive>> + 'a;

type Check = fn(&mut Bench<'_, '_>) -> Verdict;

/// Why a check did not pass.
#[derive(Debug)]
enum Refusal {
    Skip(String),
    Fail(String),
}

type Verdict<T = ()> = Result<T, Refusal>;

impl From<DriveError> for Refusal {
    fn from(error: DriveError) -> Self {
        Refusal::Fail(format!("unexpected error: {error}"))
    }
}

/// Fails the check with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Refusal::Fail(format!($($message)+)));
        }
    };
}
use ensure;

/// What a check works with.
struct Bench<'a, 'b> {
    make: &'a mut Maker<'b>,
    profile: &'a Profile,
}

/// The names and the checks, in the order in which they are run.
const CHECKS: &[(&str, Check)] = &[
    ("a cartridge that was put in is told of once", medium::insertion_is_told_once),
    ("a blank tape is at its beginning and holds nothing", positions::blank),
    ("positions count blocks and filemarks", positions::count),
    ("blocks of any size come back as they were", transfer::odd_sizes),
    ("a filemark is not the end of data", transfer::filemark_and_end_of_data),
    ("a block longer than the buffer is told and passed over", transfer::too_long),
    ("blocks outside of the limits are refused", transfer::limits),
    ("every object can be located", positions::locate_everywhere),
    ("locating behind the end of data stops there", positions::locate_behind_the_end),
    ("filemarks can be passed in both directions", positions::space),
    ("writing makes its position the end of data", transfer::overwrite_truncates),
    ("erasing makes its position the end of data", transfer::erase_truncates),
    ("flushing does not move the tape", transfer::flush),
    ("the end of the tape is announced and then enforced", ends::end_of_medium),
    ("programmable early warning comes once and before early warning", ends::programmable_early_warning),
    ("what was written is there after a reload, and can be continued", medium::append_after_reload),
    ("an unloaded drive says so", medium::unloaded),
    ("a medium whose removal is prevented stays", medium::removal),
    ("the drive describes itself and the medium", medium::description),
    ("the cartridge memory keeps what hosts write", medium::memory),
    ("a write-protected cartridge is not written", medium::write_protected),
    ("a write-once cartridge is only continued", medium::worm),
    ("a tape that is retensioned is at its beginning and holds what it held", medium::retension),
    ("blocks that the drive encrypted are read with their key only", encryption::only_the_key_reads),
    ("encrypted blocks tell which key they need", encryption::blocks_name_their_key),
    ("unloading takes the key away", encryption::unloading_forgets_the_key),
];

/// Runs all checks.
pub fn run(make: &mut Maker<'_>, profile: &Profile) -> Vec<CheckResult> {
    let run_one = |&(name, check): &(&'static str, Check)| {
        let outcome = match check(&mut Bench { make: &mut *make, profile }) {
            Ok(()) => Outcome::Passed,
            Err(Refusal::Skip(reason)) => Outcome::Skipped(reason),
            Err(Refusal::Fail(reason)) => Outcome::Failed(reason),
        };
        CheckResult { name, outcome }
    };
    CHECKS.iter().map(run_one).collect()
}

impl Bench<'_, '_> {
    /// The drive as the maker gave it.
    fn untouched(&mut self, wanted: Wanted) -> Verdict<Box<dyn TapeDrive>> {
        (self.make)(wanted).ok_or_else(|| Refusal::Skip(format!("no {wanted:?} cartridge to try it with")))
    }

    /// The drive with unit attentions out of the way.
    fn drive(&mut self, wanted: Wanted) -> Verdict<Box<dyn TapeDrive>> {
        let mut drive = self.untouched(wanted)?;
        quiet(drive.as_mut())?;
        Ok(drive)
    }

    /// `length`, or what the drive keeps and takes if that is less, but no less than it takes.
    fn length(&self, drive: &mut dyn TapeDrive, length: usize) -> Verdict<usize> {
        let crate::BlockLimits { min, max } = drive.block_limits()?;
        let (min, max) = (min as usize, max as usize);
        let kept = match self.profile.keeps {
            Keeps::Everything | Keeps::BeginningsOf(_) => usize::MAX,
            Keeps::BlocksUpTo(limit) => limit,
        };
        Ok(length.min(max).min(kept).max(min))
    }
}

impl Profile {
    /// Whether `found` is what was written as `written`, as far as the drive keeps it.
    fn same(&self, found: Option<&[u8]>, written: &[u8]) -> bool {
        let Some(found) = found else { return false };
        match self.keeps {
            Keeps::BeginningsOf(kept) => {
                let kept = kept.min(written.len());
                found.len() == written.len() && found.get(..kept) == written.get(..kept)
            }
            _ => found == written,
        }
    }
}

/// Asks for the status until no unit attention is left.
fn quiet(drive: &mut dyn TapeDrive) -> Verdict {
    for _ in 0..4 {
        match drive.status() {
            Ok(_) => return Ok(()),
            Err(error) if is_attention(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Refusal::Fail("the drive goes on telling unit attentions".into()))
}

fn is_attention(error: &DriveError) -> bool {
    matches!(error.kind, DriveErrorKind::MediumChanged | DriveErrorKind::Reset | DriveErrorKind::ParametersChanged)
}

/// A block that tells its number and its length by every byte.
fn block(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ length as u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The error of a command that must not succeed.
fn refusal<T: fmt::Debug>(what: &str, result: crate::Result<T>) -> Verdict<DriveError> {
    match result {
        Err(error) => Ok(error),
        Ok(answer) => Err(Refusal::Fail(format!("{what} succeeded ({answer:?}) and must not"))),
    }
}
