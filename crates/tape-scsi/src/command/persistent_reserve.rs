//! PERSISTENT RESERVE IN and OUT (SPC-5, 6.13 and 6.14): a drive for one host among several.

use crate::bytes::{u8_at, u32_at, u64_at};
use crate::{Command, Data, Malformed, ScsiError, Timeout, Transport};

const IN: &str = "PERSISTENT RESERVE IN";
const OUT: &str = "PERSISTENT RESERVE OUT";
/// Bytes of answers asked for: about 500 registered hosts.
const CAPACITY: u16 = 4096;

/// Type of reservation (SPC-5, table 66): what others may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationType {
    /// 1h: others may read.
    WriteExclusive,
    /// 3h: others may do nothing.
    ExclusiveAccess,
    /// Another one, such as those for registrants only.
    Other(u8),
}

impl ReservationType {
    fn from_bits(byte: u8) -> ReservationType {
        match byte & 0x0f {
            1 => ReservationType::WriteExclusive,
            3 => ReservationType::ExclusiveAccess,
            other => ReservationType::Other(other),
        }
    }

    fn bits(self) -> u8 {
        match self {
            ReservationType::WriteExclusive => 1,
            ReservationType::ExclusiveAccess => 3,
            ReservationType::Other(bits) => bits & 0x0f,
        }
    }
}

/// The reservation that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Key of its holder; 0 for the types that all registrants hold.
    pub key: u64,
    /// Its type.
    pub kind: ReservationType,
}

/// What PERSISTENT RESERVE OUT does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveAction {
    /// Registers the second key in place of the first; 0 unregisters.
    Register,
    /// Reserves for the holder of the first key.
    Reserve(ReservationType),
    /// Ends the own reservation.
    Release(ReservationType),
    /// Ends every reservation and registration.
    Clear,
    /// Takes the reservation over from the holder of the second key.
    Preempt(ReservationType),
    /// Registers the second key whatever was registered before.
    RegisterAndIgnoreExistingKey,
}

/// READ KEYS.
pub fn read_keys_command() -> Command {
    in_command(0x00)
}

/// READ RESERVATION.
pub fn read_reservation_command() -> Command {
    in_command(0x01)
}

fn in_command(action: u8) -> Command {
    let [high, low] = CAPACITY.to_be_bytes();
    Command::new(IN, Timeout::Short, [0x5e, action, 0, 0, 0, 0, 0, high, low, 0])
}

/// PERSISTENT RESERVE OUT with a list of 24 bytes.
pub fn out_command(action: ReserveAction) -> Command {
    let (action, kind) = match action {
        ReserveAction::Register => (0x00, 0),
        ReserveAction::Reserve(kind) => (0x01, kind.bits()),
        ReserveAction::Release(kind) => (0x02, kind.bits()),
        ReserveAction::Clear => (0x03, 0),
        ReserveAction::Preempt(kind) => (0x04, kind.bits()),
        ReserveAction::RegisterAndIgnoreExistingKey => (0x06, 0),
    };
    Command::new(OUT, Timeout::Short, [0x5f, action, kind, 0, 0, 0, 0, 0, 24, 0])
}

/// The list of PERSISTENT RESERVE OUT.
pub fn encode(key: u64, action_key: u64) -> [u8; 24] {
    let mut list = [0; 24];
    list[..8].copy_from_slice(&key.to_be_bytes());
    list[8..16].copy_from_slice(&action_key.to_be_bytes());
    list
}

/// The keys in the answer to READ KEYS.
pub fn decode_keys(answer: &[u8]) -> Result<Vec<u64>, Malformed> {
    let length = u32_at(answer, 4).ok_or(Malformed::short(IN))?;
    let end = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(8).min(answer.len());
    let list = answer.get(8..end).unwrap_or(&[]);
    Ok(list.chunks_exact(8).filter_map(|key| u64_at(key, 0)).collect())
}

/// The reservation in the answer to READ RESERVATION; `None` if there is none.
pub fn decode_reservation(answer: &[u8]) -> Result<Option<Reservation>, Malformed> {
    match u32_at(answer, 4).ok_or(Malformed::short(IN))? {
        0 => Ok(None),
        _ => match (u64_at(answer, 8), u8_at(answer, 21)) {
            (Some(key), Some(kind)) => Ok(Some(Reservation { key, kind: ReservationType::from_bits(kind) })),
            _ => Err(Malformed::short(IN)),
        },
    }
}

/// The keys that are registered.
pub fn read_keys(transport: &mut dyn Transport) -> Result<Vec<u64>, ScsiError> {
    Ok(decode_keys(&transport.fetch(&read_keys_command(), CAPACITY.into())?)?)
}

/// The reservation that is in force.
pub fn read_reservation(transport: &mut dyn Transport) -> Result<Option<Reservation>, ScsiError> {
    Ok(decode_reservation(&transport.fetch(&read_reservation_command(), CAPACITY.into())?)?)
}

/// Changes registrations and reservations.
pub fn reserve(
    transport: &mut dyn Transport,
    action: ReserveAction,
    key: u64,
    action_key: u64,
) -> Result<(), ScsiError> {
    transport.run(&out_command(action), Data::Out(&encode(key, action_key))).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes() {
        let reserve = out_command(ReserveAction::Reserve(ReservationType::ExclusiveAccess));
        assert_eq!(reserve.bytes(), [0x5f, 1, 3, 0, 0, 0, 0, 0, 24, 0]);
        let list = encode(1, 2);
        assert_eq!((list[7], list[15], list.len()), (1, 2, 24));
    }

    #[test]
    fn answers() {
        let keys = [0, 0, 0, 7, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
        assert_eq!(decode_keys(&keys), Ok(vec![1, 2]));
        assert_eq!(decode_keys(&keys[..20]), Ok(vec![1]), "cut off by the allocation length");
        assert_eq!(decode_reservation(&[0; 8]), Ok(None));
        let mut held = [0; 24];
        held[7] = 16;
        held[15] = 9;
        held[21] = 0x03;
        let reservation = Reservation { key: 9, kind: ReservationType::ExclusiveAccess };
        assert_eq!(decode_reservation(&held), Ok(Some(reservation)));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode_keys(&bytes);
            let _ = decode_reservation(&bytes);
        }
    }
}
