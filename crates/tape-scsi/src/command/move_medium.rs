//! MOVE MEDIUM and EXCHANGE MEDIUM (SMC-3; SCSI-2, 17.2.3 and 17.2.1): what a robot is for.

use crate::{Command, Data, ScsiError, Timeout, Transport};

/// MOVE MEDIUM: takes the cartridge out of `from` and puts it into `to`. Gripper 0 means: whichever fits.
pub fn command(gripper: u16, from: u16, to: u16) -> Command {
    let ([g0, g1], [f0, f1], [t0, t1]) = (gripper.to_be_bytes(), from.to_be_bytes(), to.to_be_bytes());
    Command::new("MOVE MEDIUM", Timeout::Move, [0xa5, 0, g0, g1, f0, f1, t0, t1, 0, 0, 0, 0])
}

/// EXCHANGE MEDIUM: what is in `from` goes to `to`, and what was there to `then`, which may be `from` itself.
pub fn exchange_command(gripper: u16, from: u16, to: u16, then: u16) -> Command {
    let ([g0, g1], [f0, f1]) = (gripper.to_be_bytes(), from.to_be_bytes());
    let ([t0, t1], [s0, s1]) = (to.to_be_bytes(), then.to_be_bytes());
    Command::new("EXCHANGE MEDIUM", Timeout::Move, [0xa6, 0, g0, g1, f0, f1, t0, t1, s0, s1, 0, 0])
}

/// Moves a cartridge.
pub fn move_medium(transport: &mut dyn Transport, gripper: u16, from: u16, to: u16) -> Result<(), ScsiError> {
    transport.run(&command(gripper, from, to), Data::None).map(drop)
}

/// Moves two cartridges in one go.
pub fn exchange_medium(
    transport: &mut dyn Transport,
    gripper: u16,
    from: u16,
    to: u16,
    then: u16,
) -> Result<(), ScsiError> {
    transport.run(&exchange_command(gripper, from, to, then), Data::None).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};

    #[test]
    fn addresses_are_in_their_places() {
        let script = Scripted::new([
            Step::on(&[0xa5, 0, 0x01, 0xf4, 0x03, 0xe8, 0x00, 0x02, 0, 0, 0, 0]),
            Step::on(&[0xa6, 0, 0x01, 0xf4, 0x03, 0xe8, 0x00, 0x02, 0x03, 0xe9, 0, 0]),
        ]);
        move_medium(&mut script.clone(), 500, 1000, 2).unwrap();
        exchange_medium(&mut script.clone(), 500, 1000, 2, 1001).unwrap();
        script.finished();
    }
}
