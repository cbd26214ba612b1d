//! What tests make a device do and say that it would not by itself, and what it was asked and answered.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tape_scsi::Sense;

/// Commands that are remembered; older ones are forgotten.
const MAX_LOG: usize = 100_000;

/// What is done of the command before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Execution {
    /// Nothing.
    Nothing,
    /// All of it.
    #[default]
    Whole,
    /// A write, of its first bytes only.
    Partial(usize),
}

/// How it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Response {
    /// As the device does.
    #[default]
    Device,
    /// CHECK CONDITION with sense data in fixed format.
    Check(Sense),
    /// CHECK CONDITION with sense data in descriptor format.
    CheckDescriptor(Sense),
    /// This status and no sense data.
    Status(u8),
    /// Not at all.
    Silence,
    /// The connection is closed.
    Disconnect,
}

/// Happens to commands with certain operation codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which commands; empty: all.
    pub opcodes: Vec<u8>,
    /// So many of them pass first.
    pub skip: u32,
    /// It happens so often.
    pub count: u32,
    /// What is done.
    pub execution: Execution,
    /// What is answered.
    pub response: Response,
    /// How much later.
    pub delay: Duration,
}

impl Rule {
    /// The next command with this operation code is answered so, and not executed.
    pub fn refuse(opcode: u8, response: Response) -> Rule {
        let execution = Execution::Nothing;
        Rule { opcodes: vec![opcode], skip: 0, count: 1, execution, response, delay: Duration::ZERO }
    }

    /// The next command with this operation code is executed and answered so.
    pub fn execute(opcode: u8, response: Response) -> Rule {
        Rule { execution: Execution::Whole, ..Rule::refuse(opcode, response) }
    }

    /// The same after `skip` others.
    pub fn after(self, skip: u32) -> Rule {
        Rule { skip, ..self }
    }

    /// The same so often.
    pub fn times(self, count: u32) -> Rule {
        Rule { count, ..self }
    }

    /// The same, answered so much later.
    pub fn delayed(self, delay: Duration) -> Rule {
        Rule { delay, ..self }
    }
}

/// A command that was executed, and its answer: what really went over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// The command.
    pub cdb: Vec<u8>,
    /// The status; `None` if there was no answer.
    pub status: Option<u8>,
    /// The sense data.
    pub sense: Vec<u8>,
    /// Bytes returned.
    pub returned: usize,
}

/// Rules and log of one logical unit.
#[derive(Debug, Clone, Default)]
pub struct Injection {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    log: VecDeque<Logged>,
}

impl Injection {
    /// Adds a rule. Of those that fit a command the first happens.
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    /// Rules that have not happened as often as they should.
    pub fn pending(&self) -> usize {
        self.lock().rules.len()
    }

    /// The commands since the last call.
    pub fn take_log(&self) -> Vec<Logged> {
        self.lock().log.drain(..).collect()
    }

    pub(crate) fn note(&self, logged: Logged) {
        let mut state = self.lock();
        if state.log.len() >= MAX_LOG {
            state.log.pop_front();
        }
        state.log.push_back(logged);
    }

    /// The rule that happens to this command.
    pub(crate) fn rule(&self, opcode: u8) -> Option<Rule> {
        let mut state = self.lock();
        let fits = |rule: &Rule| rule.opcodes.is_empty() || rule.opcodes.contains(&opcode);
        for at in 0..state.rules.len() {
            let Some(rule) = state.rules.get_mut(at).filter(|rule| fits(rule)) else { continue };
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.count = rule.count.saturating_sub(1);
            let happens = rule.clone();
            if happens.count == 0 {
                state.rules.remove(at);
            }
            return Some(happens);
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_wait_count_and_end() {
        let injection = Injection::default();
        injection.add(Rule::refuse(0x0a, Response::Status(8)).after(1).times(2));
        let happens = [0x0a, 0x08, 0x0a, 0x0a, 0x0a].map(|opcode| injection.rule(opcode).is_some());
        assert_eq!(happens, [false, false, true, true, false]);
        assert_eq!(injection.pending(), 0);
    }
}
