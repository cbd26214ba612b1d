//! What every logical unit does, whatever device it is.

use super::identity::Identity;
use super::opcodes::{self, Opcode, action, plain};
use super::reservation::Reservations;
use super::*;
use crate::injection::{Execution, Injection, Logged, Response, Rule};
use crate::units::Job;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tape_scsi::TapeAlert;

/// Initiators that are remembered between sessions.
const MAX_INITIATORS: usize = 64;
/// Unit attentions that wait for one initiator; what exceeds them adds nothing that it must know.
const MAX_ATTENTIONS: usize = 16;

/// Commands that every unit knows.
const COMMON: &[Opcode] = &[
    plain(0x03),
    plain(0x12),
    plain(0x16),
    plain(0x17),
    action(0x5e, 0),
    action(0x5e, 1),
    action(0x5e, 2),
    plain(0x5f),
    plain(0xa0),
    action(0xa3, 0x0c),
];

/// A device behind a logical unit number.
pub(crate) trait Device: Send {
    /// Who it is.
    fn identity(&self) -> Identity;

    /// The commands it knows besides those of every unit.
    fn opcodes(&self) -> &'static [Opcode];

    /// What happened to it that all initiators must be told.
    fn attention(&mut self) -> Option<Sense>;

    /// Carries a command out.
    fn execute(&mut self, cdb: &[u8], data: &[u8]) -> Outcome;

    /// Stops what it does, and forgets its settings.
    fn reset(&mut self);

    /// By hand, for tests: whatever needs the device itself.
    fn by_hand(&mut self, _what: &Hand) -> tape_drive::Result<()> {
        Ok(())
    }
}

/// What a person can do at the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// Presses the button that ejects the cartridge.
    Eject,
    /// Pushes a cartridge that lies in the bay back in.
    PushIn,
    /// Nothing: the drive raises a TapeAlert flag, until the cartridge is unloaded.
    Alert(TapeAlert),
}

/// A logical unit.
pub(crate) struct Unit {
    pub device: Box<dyn Device>,
    pub luns: Vec<u16>,
    pub injection: Option<Injection>,
    attentions: HashMap<Nexus, VecDeque<Sense>>,
    reservations: Reservations,
    /// It says that it becomes ready until then.
    not_ready_until: Option<Instant>,
}

impl Unit {
    pub fn new(device: Box<dyn Device>, luns: Vec<u16>, injection: Option<Injection>) -> Unit {
        let (attentions, reservations) = (HashMap::new(), Reservations::default());
        Unit { device, luns, injection, attentions, reservations, not_ready_until: None }
    }

    /// Carries a job out and answers it.
    pub fn run(&mut self, job: Job) {
        let Job { nexus, cdb, data, task, reply } = job;
        let mut answer = Reply::Silence;
        if !task.is_aborted() {
            answer = self.respond(&nexus, &cdb, &data, || task.is_aborted());
            if let Some(injection) = &self.injection {
                let (status, sense, returned) = match &answer {
                    Reply::Answer(answer) => (Some(answer.status), answer.sense.clone(), answer.data.len()),
                    _ => (None, Vec::new(), 0),
                };
                injection.note(Logged { cdb, status, sense, returned });
            }
        }
        if task.is_aborted() {
            answer = Reply::Silence;
        }
        task.done.store(true, Ordering::Release);
        reply(answer);
    }

    /// An initiator logged in: the first time it learns that there was a power-on, then that its session was lost.
    pub fn log_in(&mut self, nexus: Nexus) {
        if self.attentions.len() >= MAX_INITIATORS
            && !self.attentions.contains_key(&nexus)
            && let Some(any) = self.attentions.keys().next().cloned()
        {
            self.attentions.remove(&any);
        }
        let ascq = if self.attentions.contains_key(&nexus) { 0x07 } else { 0x01 };
        let waiting = self.attentions.entry(nexus).or_default();
        waiting.clear();
        waiting.push_back(Sense::new(SenseKey::UnitAttention, 0x29, ascq));
    }

    /// LOGICAL UNIT RESET (SAM-5, 7.7).
    pub fn reset(&mut self) {
        self.reservations.reset();
        self.device.reset();
        self.attend(Sense::new(SenseKey::UnitAttention, 0x29, 0x03), None);
    }

    /// Tells all initiators, but for one who knows already.
    pub fn attend(&mut self, sense: Sense, except: Option<&Nexus>) {
        for (nexus, waiting) in &mut self.attentions {
            if Some(nexus) != except && waiting.len() < MAX_ATTENTIONS {
                waiting.push_back(sense);
            }
        }
    }

    /// From now on, for so long, the device is becoming ready.
    pub fn becoming_ready(&mut self, how_long: Duration) {
        self.not_ready_until = Some(Instant::now() + how_long);
    }

    fn respond(&mut self, nexus: &Nexus, cdb: &[u8], data: &[u8], is_aborted: impl Fn() -> bool) -> Reply {
        let opcode = byte(cdb, 0);
        if let Some(sense) = self.device.attention() {
            self.attend(sense, None);
        }
        // SPC-5, 5.14: these are carried out and leave the unit attention where it is.
        let always = matches!(opcode, 0x12 | 0xa0 | 0x03);
        if !always && let Some(sense) = self.attentions.get_mut(nexus).and_then(VecDeque::pop_front) {
            return Reply::Answer(Answer::check(&sense));
        }
        if !self.reservations.allows(nexus, opcode) {
            return Reply::Answer(Answer::status(RESERVATION_CONFLICT));
        }
        let Some(rule) = self.injection.as_ref().and_then(|injection| injection.rule(opcode)) else {
            return self.carry_out(nexus, cdb, data);
        };
        self.follow(&rule, nexus, cdb, data, is_aborted)
    }

    /// A command to which a rule happens.
    fn follow(&mut self, rule: &Rule, nexus: &Nexus, cdb: &[u8], data: &[u8], is_aborted: impl Fn() -> bool) -> Reply {
        let reply = match rule.execution {
            Execution::Nothing => Reply::Answer(Answer::default()),
            Execution::Whole => self.carry_out(nexus, cdb, data),
            Execution::Partial(bytes) => {
                let mut cdb = cdb.to_vec();
                if let Some(length) = cdb.get_mut(2..5) {
                    length.copy_from_slice(&(bytes as u32).to_be_bytes()[1..]);
                }
                self.carry_out(nexus, &cdb, data.get(..bytes).unwrap_or(data))
            }
        };
        let until = Instant::now() + rule.delay;
        while Instant::now() < until && !is_aborted() {
            std::thread::sleep(Duration::from_millis(5).min(until.saturating_duration_since(Instant::now())));
        }
        let (returned, taken) = match &reply {
            Reply::Answer(answer) => (answer.data.clone(), data.len()),
            _ => (Vec::new(), data.len()),
        };
        let answer = match rule.response {
            Response::Device => return reply,
            Response::Check(sense) => Answer::check(&sense),
            Response::CheckDescriptor(sense) => {
                Answer { sense: sense.encode_descriptors(), ..Answer::status(CHECK_CONDITION) }
            }
            Response::Status(status) => Answer::status(status),
            Response::Silence => return Reply::Silence,
            Response::Disconnect => return Reply::Disconnect,
        };
        Reply::Answer(Answer { data: returned, taken, ..answer })
    }

    fn carry_out(&mut self, nexus: &Nexus, cdb: &[u8], data: &[u8]) -> Reply {
        match self.dispatch(nexus, cdb, data) {
            Ok(answer) => Reply::Answer(Answer { taken: answer.taken.max(data.len()), ..answer }),
            Err(Failure::Check(sense, returned)) => {
                if sense.key == SenseKey::UnitAttention && !sense.deferred {
                    self.attend(sense, Some(nexus));
                }
                Reply::Answer(Answer { data: returned, taken: data.len(), ..Answer::check(&sense) })
            }
            Err(Failure::Silence) => Reply::Silence,
        }
    }

    fn dispatch(&mut self, nexus: &Nexus, cdb: &[u8], data: &[u8]) -> Outcome {
        match byte(cdb, 0) {
            0x12 => self.device.identity().inquiry(cdb),
            0xa0 => Ok(report_luns(cdb, self.luns.iter().copied())),
            0x03 => {
                let waiting = self.attentions.get_mut(nexus).and_then(VecDeque::pop_front);
                let sense = waiting.unwrap_or(Sense::new(SenseKey::NoSense, 0, 0));
                let descriptors = byte(cdb, 1) & 1 != 0;
                let bytes = if descriptors { sense.encode_descriptors() } else { sense.encode_fixed().to_vec() };
                Ok(Answer::data(cut(bytes, cdb, 4, 1)))
            }
            0x16 => self.reservations.reserve(nexus),
            0x17 => self.reservations.release(nexus),
            0x5e => self.reservations.report(cdb),
            0x5f => {
                let (answer, notices) = self.reservations.change(nexus, cdb, data)?;
                for (other, sense) in notices {
                    if let Some(waiting) = self.attentions.get_mut(&other).filter(|list| list.len() < MAX_ATTENTIONS) {
                        waiting.push_back(sense);
                    }
                }
                Ok(answer)
            }
            0xa3 if byte(cdb, 1) & 0x1f == 0x0c => {
                let mut known = [COMMON, self.device.opcodes()].concat();
                known.sort_by_key(|opcode| (opcode.code, opcode.service_action));
                opcodes::report(cdb, &known)
            }
            code => {
                if self.not_ready_until.is_some_and(|until| Instant::now() < until) {
                    return Err(Sense::new(SenseKey::NotReady, 0x04, 0x01).into());
                }
                self.not_ready_until = None;
                if !self.device.opcodes().iter().any(|opcode| opcode.code == code) {
                    return Err(unknown_command());
                }
                self.device.execute(cdb, data)
            }
        }
    }
}

/// REPORT LUNS (SPC-5, 6.33).
pub(crate) fn report_luns(cdb: &[u8], luns: impl Iterator<Item = u16>) -> Answer {
    let list: Vec<u8> = luns
        .flat_map(|lun| {
            let [high, low] = lun.to_be_bytes();
            [high, low, 0, 0, 0, 0, 0, 0]
        })
        .collect();
    let mut data = (list.len() as u32).to_be_bytes().to_vec();
    data.extend([0; 4]);
    data.extend(list);
    Answer::data(cut(data, cdb, 6, 4))
}
