//! Linux: the SG_IO request, which `/dev/sgN`, `/dev/nstN`, `/dev/schN` and `/dev/bsg/…` all take.

use super::sg_io_hdr::{Ended, sg_io};
use super::{Command, Data, Reply, Status, Transport, TransportError};
use crate::Sense;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;
use std::time::Duration;

/// Whether other programs may have the device open as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Not while it is open here, as far as they come through the same `/dev/sgN` (the sg driver's O_EXCL).
    Exclusive,
    /// They may.
    Shared,
}

/// A SCSI device behind an open file.
#[derive(Debug)]
pub struct SgIo<F = OwnedFd> {
    file: F,
}

impl SgIo {
    /// Opens a device node. Never waits: a device that another program has open exclusively is `EBUSY`.
    pub fn open(path: &Path, sharing: Sharing) -> Result<SgIo, Errno> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let flags = if sharing == Sharing::Exclusive { flags | OFlags::EXCL } else { flags };
        Ok(SgIo { file: rustix::fs::open(path, flags, Mode::empty())? })
    }
}

impl<F: AsFd> SgIo<F> {
    /// Uses a file that is open already, such as that of a tape node.
    pub fn on(file: F) -> SgIo<F> {
        SgIo { file }
    }

    /// The open file.
    pub fn file(&self) -> &F {
        &self.file
    }
}

impl<F: AsFd + Send> Transport for SgIo<F> {
    fn execute(&mut self, command: &Command, data: Data<'_>) -> Result<Reply, TransportError> {
        let asked = match &data {
            Data::None => 0,
            Data::In(buffer) => buffer.len(),
            Data::Out(buffer) => buffer.len(),
        };
        let ended = sg_io(&self.file, command, data).map_err(|errno| match errno {
            // What the kernel says when the device was taken away.
            Errno::NODEV | Errno::NXIO => TransportError::Disconnected,
            errno => TransportError::System(errno),
        })?;
        reply(&ended, asked, command.timeout().duration())
    }
}

/// What the three levels of status mean together: the adapter's first, for without it the others say nothing.
fn reply(ended: &Ended, asked: usize, timeout: Duration) -> Result<Reply, TransportError> {
    let Ended { host_status: host, driver_status: driver, .. } = *ended;
    match host {
        // DID_OK. DID_TARGET_FAILURE and its like (10h to 13h) only say that the status byte tells all.
        0x00 | 0x10..=0x13 => {}
        // DID_TIME_OUT.
        0x03 => return Err(TransportError::TimedOut(timeout)),
        // DID_NO_CONNECT, DID_BAD_TARGET, DID_TRANSPORT_DISRUPTED, DID_TRANSPORT_FAILFAST, DID_TRANSPORT_MARGINAL.
        0x01 | 0x04 | 0x0e | 0x0f | 0x14 => return Err(TransportError::Disconnected),
        // DID_ABORT, DID_RESET.
        0x05 | 0x08 => return Err(TransportError::Reset),
        _ => return Err(TransportError::Adapter { host, driver }),
    }
    match driver & 0x0f {
        // DRIVER_OK and DRIVER_SENSE ("there is sense data").
        0x00 | 0x08 => {}
        // DRIVER_TIMEOUT.
        0x06 => return Err(TransportError::TimedOut(timeout)),
        _ => return Err(TransportError::Adapter { host, driver }),
    }
    let sense = ended.sense.get(..usize::from(ended.sense_length)).and_then(Sense::decode);
    // A negative residual means that the device sent more than there was room for: the buffer is full.
    let left = usize::try_from(ended.residual).unwrap_or(0);
    Ok(Reply { status: Status(ended.status), sense, transferred: asked.saturating_sub(left) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SenseKey;
    use proptest::prelude::*;

    const LIMIT: Duration = Duration::from_secs(60);

    fn ended() -> Ended {
        Ended { status: 0, host_status: 0, driver_status: 0, residual: 0, sense: [0; 252], sense_length: 0 }
    }

    #[test]
    fn levels_of_status() {
        assert_eq!(reply(&Ended { residual: 60, ..ended() }, 96, LIMIT), Ok(Reply::good(36)));
        assert_eq!(reply(&Ended { residual: -4, ..ended() }, 96, LIMIT), Ok(Reply::good(96)));
        assert_eq!(reply(&Ended { residual: 500, ..ended() }, 96, LIMIT), Ok(Reply::good(0)));
        let host = |host_status| reply(&Ended { host_status, ..ended() }, 0, LIMIT);
        assert_eq!(host(0x03), Err(TransportError::TimedOut(LIMIT)));
        assert_eq!(host(0x01), Err(TransportError::Disconnected));
        assert_eq!(host(0x08), Err(TransportError::Reset));
        assert_eq!(host(0x07), Err(TransportError::Adapter { host: 7, driver: 0 }));
        assert_eq!(
            reply(&Ended { driver_status: 0x06, ..ended() }, 0, LIMIT),
            Err(TransportError::TimedOut(LIMIT)),
            "DRIVER_TIMEOUT"
        );
    }

    #[test]
    fn sense_data_comes_with_its_status() {
        let sense = Sense::new(SenseKey::UnitAttention, 0x28, 0);
        let mut bytes = [0; 252];
        bytes[..18].copy_from_slice(&sense.encode_fixed());
        let check = Ended { status: 2, driver_status: 8, sense: bytes, sense_length: 18, ..ended() };
        let reply = reply(&check, 0, LIMIT).unwrap();
        assert_eq!((reply.status, reply.sense), (Status::CHECK_CONDITION, Some(sense)));
    }

    #[test]
    fn a_file_that_is_no_device_does_not_take_commands() {
        let mut device = SgIo::open(Path::new("/dev/null"), Sharing::Shared).unwrap();
        let command = crate::command::test_unit_ready::command();
        let error = device.execute(&command, Data::None).unwrap_err();
        assert!(matches!(error, TransportError::System(_)), "{error:?}");
    }

    proptest! {
        #[test]
        fn any_end_of_a_command_is_understood(
            (status, host_status, driver_status, residual, sense_length) in any::<(u8, u16, u16, i32, u8)>(),
            sense in proptest::collection::vec(any::<u8>(), 252),
            asked in 0usize..10_000,
        ) {
            let sense = sense.try_into().unwrap();
            let ended = Ended { status, host_status, driver_status, residual, sense, sense_length };
            if let Ok(reply) = reply(&ended, asked, LIMIT) {
                prop_assert!(reply.transferred <= asked);
            }
        }
    }
}
