//! What goes wrong, and when: the part that is only data.

use super::robot::Robot;
use crate::Operation;
use serde::{Deserialize, Serialize};
use tape_scsi::TapeAlert;

/// Whether a command that got no answer was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoReply {
    /// The drive did what it was told; only the answer is lost.
    CarriedOut,
    /// The command never reached the drive.
    Lost,
}

/// What a drive can report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The write is accepted, and early warning passed (NO SENSE, EOM, 00/02).
    EarlyWarning,
    /// The write is accepted, and programmable early warning passed (00/07).
    ProgrammableEarlyWarning,
    /// The block is not on the tape (VOLUME OVERFLOW, EOM, 00/02).
    VolumeOverflow,
    /// The block is not on the tape (MEDIUM ERROR with EOM).
    EndOfMediumWithErrorKey,
    /// An earlier write failed (71h): what was not flushed is lost, and the command is not carried out.
    DeferredError,
    /// Unit attention 28h; the tape is at its beginning.
    MediumChanged,
    /// Unit attention 29h; the buffer was written, but position, modes and removal prevention are lost.
    Reset,
    /// Unit attention 2Ah.
    ParametersChanged,
    /// RECOVERED ERROR: the command succeeded, and is counted.
    RecoveredError,
    /// MEDIUM ERROR; a block that cannot be read is passed over, one that cannot be written is not on the tape.
    MediumError,
    /// DATA PROTECT 27h.
    WriteProtected,
    /// BLANK CHECK; for a read, the end of data.
    BlankCheck,
    /// HARDWARE ERROR 44h.
    HardwareError,
    /// ABORTED COMMAND; it was not carried out.
    Aborted,
    /// The command timed out.
    NoReply(NoReply),
    /// The command gets no answer, what was not flushed is lost, and the next command is told of a reset (29h).
    PowerCut,
    /// A TapeAlert flag is raised until the cartridge is unloaded; the command succeeds.
    Alert(TapeAlert),
    /// What only a changer does.
    Robot(Robot),
}

/// When a fault happens. A condition that cannot happen to the command in question waits for the next to which it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At a command of any kind: the number counts from 1, since the plan was set.
    Command {
        /// Which.
        number: u64,
    },
    /// At a command of one kind.
    CommandOf {
        /// Which of them, from 1.
        number: u64,
        /// The kind.
        operation: Operation,
    },
    /// At the first command that begins at or behind a position.
    From {
        /// The position.
        block: u64,
    },
    /// At commands that begin at a position.
    At {
        /// The position.
        block: u64,
    },
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// The first time only.
    #[default]
    Once,
    /// Every time from then on.
    Always,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When it happens.
    pub when: When,
    /// What happens.
    pub condition: Condition,
    /// How often.
    #[serde(default)]
    pub repeat: Repeat,
}

/// A list of faults. Of those that are due at one command, the first in the list happens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FaultPlan {
    /// What the plan was made from, if it was made from a seed: print it when a test fails.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The faults.
    #[serde(default)]
    pub faults: Vec<Fault>,
}

impl FaultPlan {
    /// `condition` at command `number`, counted from 1.
    pub fn nth(number: u64, condition: Condition) -> FaultPlan {
        FaultPlan::default().and(When::Command { number }, condition)
    }

    /// `condition` at command `number` of the kind `operation`.
    pub fn nth_of(number: u64, operation: Operation, condition: Condition) -> FaultPlan {
        FaultPlan::default().and(When::CommandOf { number, operation }, condition)
    }

    /// `condition` at the first command at or behind `block`.
    pub fn from_block(block: u64, condition: Condition) -> FaultPlan {
        FaultPlan::default().and(When::From { block }, condition)
    }

    /// A block that cannot be read, however often it is tried.
    pub fn unreadable_block(block: u64) -> FaultPlan {
        let fault = Fault { when: When::At { block }, condition: Condition::MediumError, repeat: Repeat::Always };
        FaultPlan { seed: None, faults: vec![fault] }
    }

    /// The same plan with one more fault, which happens once.
    pub fn and(mut self, when: When, condition: Condition) -> FaultPlan {
        self.faults.push(Fault { when, condition, repeat: Repeat::Once });
        self
    }

    /// One to three faults of any kind among the first `commands` commands, always the same for the same seed.
    pub fn from_seed(seed: u64, commands: u64) -> FaultPlan {
        let mut state = seed;
        let count = 1 + random(&mut state) % 3;
        let mut plan = FaultPlan { seed: Some(seed), faults: Vec::new() };
        for _ in 0..count {
            let number = 1 + random(&mut state) % commands.max(1);
            let choice = random(&mut state) % Condition::ALL.len() as u64;
            if let Some(&condition) = Condition::ALL.get(choice as usize) {
                plan = plan.and(When::Command { number }, condition);
            }
        }
        plan
    }
}

/// SplitMix64: enough to choose faults, and the same on every machine.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl Condition {
    /// One of every kind that a drive can report.
    pub const ALL: &'static [Condition] = &[
        Condition::EarlyWarning,
        Condition::ProgrammableEarlyWarning,
        Condition::VolumeOverflow,
        Condition::EndOfMediumWithErrorKey,
        Condition::DeferredError,
        Condition::MediumChanged,
        Condition::Reset,
        Condition::ParametersChanged,
        Condition::RecoveredError,
        Condition::MediumError,
        Condition::WriteProtected,
        Condition::BlankCheck,
        Condition::HardwareError,
        Condition::Aborted,
        Condition::NoReply(NoReply::CarriedOut),
        Condition::NoReply(NoReply::Lost),
        Condition::PowerCut,
        Condition::Alert(TapeAlert::CLEAN_NOW),
    ];

    /// Whether a drive can answer this command so.
    pub fn applies_to(self, operation: Operation) -> bool {
        use Operation::*;
        match self {
            Condition::EarlyWarning
            | Condition::ProgrammableEarlyWarning
            | Condition::VolumeOverflow
            | Condition::EndOfMediumWithErrorKey => matches!(operation, Write | WriteFilemarks),
            Condition::DeferredError => {
                matches!(operation, Write | WriteFilemarks | Rewind | Unload | Locate | Space | Read | ReadPosition)
            }
            Condition::RecoveredError | Condition::MediumError => {
                matches!(operation, Write | WriteFilemarks | Read | Locate | Space | Load)
            }
            Condition::WriteProtected => matches!(operation, Write | WriteFilemarks | Erase),
            Condition::BlankCheck => matches!(operation, Read | Locate | Space),
            Condition::Robot(robot) => robot.applies_to(operation),
            Condition::MediumChanged
            | Condition::Reset
            | Condition::ParametersChanged
            | Condition::HardwareError
            | Condition::Aborted
            | Condition::NoReply(_)
            | Condition::PowerCut
            | Condition::Alert(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_and_files_give_the_same_plan_again() {
        let plan = FaultPlan::from_seed(42, 1000);
        assert_eq!(plan, FaultPlan::from_seed(42, 1000));
        assert_ne!(plan, FaultPlan::from_seed(43, 1000));
        let all = Condition::ALL.iter().fold(plan, |plan, &condition| plan.and(When::From { block: 3 }, condition));
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<FaultPlan>(&text).unwrap(), all);
    }
}
