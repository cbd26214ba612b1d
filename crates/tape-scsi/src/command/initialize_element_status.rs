//! INITIALIZE ELEMENT STATUS, of the whole library or WITH RANGE of some elements (SMC-3): the robot looks
//! what is where, and reads the bar codes again.

use crate::{Command, Data, ScsiError, Timeout, Transport};

/// INITIALIZE ELEMENT STATUS.
pub fn command() -> Command {
    Command::new("INITIALIZE ELEMENT STATUS", Timeout::Inventory, [0x07, 0, 0, 0, 0, 0])
}

/// INITIALIZE ELEMENT STATUS WITH RANGE: `count` elements from address `first` on; 0: all from there.
pub fn range_command(first: u16, count: u16) -> Command {
    let ([f0, f1], [c0, c1]) = (first.to_be_bytes(), count.to_be_bytes());
    let name = "INITIALIZE ELEMENT STATUS WITH RANGE";
    // RANGE = 1; FAST = 0: read the bar codes, too.
    Command::new(name, Timeout::Inventory, [0x37, 0x01, f0, f1, 0, 0, c0, c1, 0, 0])
}

/// Lets the robot look at everything.
pub fn initialize_element_status(transport: &mut dyn Transport) -> Result<(), ScsiError> {
    transport.run(&command(), Data::None).map(drop)
}

/// Lets the robot look at some elements.
pub fn initialize_range(transport: &mut dyn Transport, first: u16, count: u16) -> Result<(), ScsiError> {
    transport.run(&range_command(first, count), Data::None).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Scripted, Step};

    #[test]
    fn both_commands() {
        let script =
            Scripted::new([Step::on(&[7, 0, 0, 0, 0, 0]), Step::on(&[0x37, 1, 0x04, 0x00, 0, 0, 0x00, 0x10, 0, 0])]);
        initialize_element_status(&mut script.clone()).unwrap();
        initialize_range(&mut script.clone(), 1024, 16).unwrap();
        script.finished();
    }
}
