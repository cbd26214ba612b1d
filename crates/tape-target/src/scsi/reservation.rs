//! RESERVE and RELEASE (SPC-2) and persistent reservations (SPC-5, 5.13), without APTPL: a target that is started again
//! knows none.

use super::{Answer, Nexus, Outcome, byte, cut, field, invalid_field, wrong_length};
use super::{Failure, RESERVATION_CONFLICT};
use std::collections::BTreeMap;
use tape_scsi::{Sense, SenseKey};

/// Keys that may be registered with one logical unit.
const MAX_REGISTRATIONS: usize = 64;
const WRITE_EXCLUSIVE: u8 = 1;
const EXCLUSIVE_ACCESS: u8 = 3;
/// The types that are known: those two, and the same for registrants only (5, 6) and all registrants (7, 8).
const TYPES: [u8; 6] = [1, 3, 5, 6, 7, 8];

/// Who has a logical unit for himself.
#[derive(Debug, Default)]
pub(crate) struct Reservations {
    simple: Option<Nexus>,
    keys: BTreeMap<Nexus, u64>,
    holder: Option<(Nexus, u8)>,
    generation: u32,
}

/// What other initiators must be told.
pub(crate) type Notice = (Nexus, Sense);

impl Reservations {
    /// A reset ends what RESERVE began; persistent reservations outlast it.
    pub fn reset(&mut self) {
        self.simple = None;
    }

    /// Whether `nexus` may send this command now.
    pub fn allows(&self, nexus: &Nexus, opcode: u8) -> bool {
        // INQUIRY, REPORT LUNS, REQUEST SENSE, LOG SENSE, READ BLOCK LIMITS and the like disturb nobody (SPC-5, table 67).
        let harmless = matches!(opcode, 0x03 | 0x05 | 0x12 | 0x17 | 0x44 | 0x4d | 0x5e | 0x5f | 0xa0 | 0xa3);
        if harmless || self.simple.as_ref().is_some_and(|holder| holder == nexus) {
            return true;
        }
        if self.simple.is_some() {
            return false;
        }
        let Some((holder, kind)) = &self.holder else { return true };
        let registered = self.keys.contains_key(nexus);
        let reads =
            matches!(opcode, 0x00 | 0x08 | 0x11 | 0x1a | 0x2b | 0x34 | 0x5a | 0x8c | 0x91 | 0x92 | 0x01 | 0xa2 | 0xb8);
        match *kind {
            WRITE_EXCLUSIVE => holder == nexus || reads,
            EXCLUSIVE_ACCESS => holder == nexus,
            5 | 7 => registered || reads,
            _ => registered,
        }
    }

    /// RESERVE(6).
    pub fn reserve(&mut self, nexus: &Nexus) -> Outcome {
        self.simple = Some(nexus.clone());
        Ok(Answer::default())
    }

    /// RELEASE(6): of one's own; of others' it does nothing.
    pub fn release(&mut self, nexus: &Nexus) -> Outcome {
        if self.simple.as_ref() == Some(nexus) {
            self.simple = None;
        }
        Ok(Answer::default())
    }

    /// PERSISTENT RESERVE IN (SPC-5, 6.16).
    pub fn report(&self, cdb: &[u8]) -> Outcome {
        let mut data = self.generation.to_be_bytes().to_vec();
        match byte(cdb, 1) & 0x1f {
            0 => {
                data.extend((8 * self.keys.len() as u32).to_be_bytes());
                data.extend(self.keys.values().flat_map(|key| key.to_be_bytes()));
            }
            1 => match &self.holder {
                None => data.extend([0; 4]),
                Some((holder, kind)) => {
                    data.extend(16u32.to_be_bytes());
                    // Of a reservation of all registrants nobody's key is told.
                    let key = if *kind >= 7 { 0 } else { self.keys.get(holder).copied().unwrap_or(0) };
                    data.extend(key.to_be_bytes());
                    data.extend([0, 0, 0, 0, 0, *kind, 0, 0]);
                }
            },
            2 => data = vec![0, 8, 0, 0x80, 0xea, 0x01, 0, 0],
            _ => return Err(invalid_field()),
        }
        Ok(Answer::data(cut(data, cdb, 7, 2)))
    }

    /// PERSISTENT RESERVE OUT (SPC-5, 6.17). Also returns whom to tell of what.
    pub fn change(&mut self, nexus: &Nexus, cdb: &[u8], list: &[u8]) -> Result<(Answer, Vec<Notice>), Failure> {
        if list.len() < 24 || field(cdb, 5, 4) != 24 {
            return Err(wrong_length());
        }
        let (action, kind) = (byte(cdb, 1) & 0x1f, byte(cdb, 2) & 0x0f);
        let (key, service_key) = (field(list, 0, 8), field(list, 8, 8));
        let conflict = || Ok((Answer::status(RESERVATION_CONFLICT), Vec::new()));
        let registered = self.keys.get(nexus).copied();
        let mut notices = Vec::new();
        match action {
            // REGISTER; REGISTER AND IGNORE EXISTING KEY
            0 | 6 => {
                if action == 0 && registered.unwrap_or(0) != key {
                    return conflict();
                }
                if service_key == 0 {
                    self.forget(nexus, &mut notices);
                } else if registered.is_some() || self.keys.len() < MAX_REGISTRATIONS {
                    self.keys.insert(nexus.clone(), service_key);
                } else {
                    return Err(Sense::new(SenseKey::IllegalRequest, 0x55, 0x04).into());
                }
                self.generation = self.generation.wrapping_add(1);
            }
            _ if registered != Some(key) => return conflict(),
            // RESERVE
            1 => {
                if !TYPES.contains(&kind) {
                    return Err(invalid_field());
                }
                match &self.holder {
                    Some((_, held)) if *held == kind && self.holds(nexus) => {}
                    Some(_) => return conflict(),
                    None => self.holder = Some((nexus.clone(), kind)),
                }
            }
            // RELEASE
            2 if self.holds(nexus) => {
                if self.holder.as_ref().is_some_and(|(_, held)| *held != kind) {
                    return Err(Sense::new(SenseKey::IllegalRequest, 0x26, 0x04).into());
                }
                self.holder = None;
            }
            2 => {}
            // CLEAR
            3 => {
                self.holder = None;
                let others = std::mem::take(&mut self.keys).into_keys().filter(|other| other != nexus);
                notices.extend(others.map(|other| (other, preempted(0x03))));
                self.generation = self.generation.wrapping_add(1);
            }
            // PREEMPT; PREEMPT AND ABORT
            4 | 5 => {
                let victims: Vec<Nexus> = self
                    .keys
                    .iter()
                    .filter(|(_, held)| **held == service_key)
                    .map(|(other, _)| other.clone())
                    .collect();
                if victims.is_empty() && service_key != 0 {
                    return conflict();
                }
                let taken = self
                    .holder
                    .as_ref()
                    .is_some_and(|(holder, held)| victims.contains(holder) || (*held >= 7 && service_key == 0));
                if taken && !TYPES.contains(&kind) {
                    return Err(invalid_field());
                }
                for victim in victims.into_iter().filter(|victim| victim != nexus) {
                    self.keys.remove(&victim);
                    notices.push((victim, preempted(0x05)));
                }
                if taken {
                    self.holder = Some((nexus.clone(), kind));
                }
                self.generation = self.generation.wrapping_add(1);
            }
            _ => return Err(invalid_field()),
        }
        Ok((Answer { taken: 24, ..Answer::default() }, notices))
    }

    fn holds(&self, nexus: &Nexus) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|(holder, kind)| holder == nexus || (*kind >= 7 && self.keys.contains_key(nexus)))
    }

    /// Takes a registration away, and the reservation with it if it was the holder's.
    fn forget(&mut self, nexus: &Nexus, notices: &mut Vec<Notice>) {
        self.keys.remove(nexus);
        let Some((holder, kind)) = self.holder.clone() else { return };
        let ends = if kind >= 7 { self.keys.is_empty() } else { holder == *nexus };
        if ends {
            self.holder = None;
            if matches!(kind, 5 | 6) {
                // RESERVATIONS RELEASED
                notices.extend(self.keys.keys().map(|other| (other.clone(), preempted(0x04))));
            }
        }
    }
}

/// UNIT ATTENTION 2Ah: reservations preempted (03h), released (04h), registrations preempted (05h).
fn preempted(ascq: u8) -> Sense {
    Sense::new(SenseKey::UnitAttention, 0x2a, ascq)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nexus(name: &str) -> Nexus {
        (name.into(), [0; 6])
    }

    fn out(reservations: &mut Reservations, who: &str, action: u8, kind: u8, key: u64, service: u64) -> (u8, usize) {
        let cdb = [0x5f, action, kind, 0, 0, 0, 0, 0, 24, 0];
        let mut list = key.to_be_bytes().to_vec();
        list.extend(service.to_be_bytes());
        list.extend([0; 8]);
        let (answer, notices) = reservations.change(&nexus(who), &cdb, &list).unwrap();
        (answer.status, notices.len())
    }

    #[test]
    fn an_exclusive_reservation_keeps_others_out_until_it_is_preempted() {
        let mut reservations = Reservations::default();
        assert_eq!(out(&mut reservations, "a", 1, 3, 0, 0).0, RESERVATION_CONFLICT, "not registered");
        assert_eq!(out(&mut reservations, "a", 0, 0, 0, 0xa), (GOOD, 0));
        assert_eq!(out(&mut reservations, "b", 0, 0, 0, 0xb), (GOOD, 0));
        assert_eq!(out(&mut reservations, "a", 1, 3, 0xa, 0), (GOOD, 0));
        assert!(reservations.allows(&nexus("a"), 0x0a) && !reservations.allows(&nexus("b"), 0x00));
        assert!(reservations.allows(&nexus("b"), 0x12));
        assert_eq!(out(&mut reservations, "b", 1, 3, 0xb, 0).0, RESERVATION_CONFLICT);
        assert_eq!(out(&mut reservations, "b", 4, 3, 0xb, 0xa), (GOOD, 1));
        assert!(!reservations.allows(&nexus("a"), 0x0a) && reservations.allows(&nexus("b"), 0x0a));
        assert_eq!(out(&mut reservations, "b", 3, 0, 0xb, 0), (GOOD, 0));
        assert!(reservations.allows(&nexus("a"), 0x0a));
    }

    #[test]
    fn a_simple_reservation_ends_with_a_reset() {
        let mut reservations = Reservations::default();
        reservations.reserve(&nexus("a")).unwrap();
        reservations.release(&nexus("b")).unwrap();
        assert!(!reservations.allows(&nexus("b"), 0x00));
        reservations.reset();
        assert!(reservations.allows(&nexus("b"), 0x00));
    }

    use super::super::GOOD;
}
