//! REPORT SUPPORTED OPERATION CODES (SPC-5, 6.34).

use super::{Answer, Outcome, byte, cut, field, invalid_field};

/// A command: its operation code, its service action if it has one, and the length of its CDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Opcode {
    pub code: u8,
    pub service_action: Option<u16>,
}

/// A command without service action.
pub(crate) const fn plain(code: u8) -> Opcode {
    Opcode { code, service_action: None }
}

/// A command with one.
pub(crate) const fn action(code: u8, service_action: u16) -> Opcode {
    Opcode { code, service_action: Some(service_action) }
}

impl Opcode {
    /// The operation code tells the length (SPC-5, 4.2.5.1).
    fn length(self) -> u8 {
        match self.code >> 5 {
            0 => 6,
            1 | 2 => 10,
            4 => 16,
            _ => 12,
        }
    }

    fn descriptor(self) -> [u8; 8] {
        let [high, low] = self.service_action.unwrap_or(0).to_be_bytes();
        [self.code, 0, high, low, 0, u8::from(self.service_action.is_some()), 0, self.length()]
    }
}

/// Answers for a unit that knows these commands.
pub(crate) fn report(cdb: &[u8], known: &[Opcode]) -> Outcome {
    let (code, service_action) = (byte(cdb, 3), field(cdb, 4, 2) as u16);
    let of_code = || known.iter().filter(move |opcode| opcode.code == code);
    let found = match byte(cdb, 2) & 0x07 {
        0 => {
            let mut data = (8 * known.len() as u32).to_be_bytes().to_vec();
            data.extend(known.iter().flat_map(|opcode| opcode.descriptor()));
            return Ok(Answer::data(cut(data, cdb, 6, 4)));
        }
        1 if of_code().any(|opcode| opcode.service_action.is_some()) => return Err(invalid_field()),
        1 => of_code().next(),
        2 => of_code().find(|opcode| opcode.service_action == Some(service_action)),
        3 => of_code().find(|opcode| opcode.service_action.is_none_or(|action| action == service_action)),
        _ => return Err(invalid_field()),
    };
    let data = match found {
        // SUPPORT 1: not supported.
        None => vec![0, 1, 0, 0],
        Some(opcode) => {
            // Every field counts, but for CONTROL at the end.
            let mut data = vec![0, 3, 0, opcode.length(), opcode.code];
            data.resize(4 + usize::from(opcode.length()) - 1, 0xff);
            data.push(0);
            data
        }
    };
    Ok(Answer::data(cut(data, cdb, 6, 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Opcode; 2] = [plain(0x00), action(0x34, 6)];

    fn ask(options: u8, code: u8, action: u8) -> Vec<u8> {
        report(&[0xa3, 0x0c, options, code, 0, action, 0, 0, 1, 0, 0, 0], &KNOWN).unwrap().data
    }

    #[test]
    fn all_and_single_commands() {
        assert_eq!(ask(0, 0, 0).len(), 4 + 16);
        assert_eq!(ask(1, 0x00, 0)[..4], [0, 3, 0, 6]);
        assert_eq!(ask(1, 0x55, 0), [0, 1, 0, 0]);
        assert_eq!(ask(2, 0x34, 6)[..5], [0, 3, 0, 10, 0x34]);
        assert_eq!(ask(2, 0x34, 7), [0, 1, 0, 0]);
        assert!(report(&[0xa3, 0x0c, 1, 0x34, 0, 0, 0, 0, 1, 0, 0, 0], &KNOWN).is_err());
    }
}
