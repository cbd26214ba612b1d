//! The tape driver's own calls (`include/uapi/linux/mtio.h`, `Documentation/scsi/st.rst`): the only unsafe code here.

use rustix::fd::AsFd;
use rustix::io::Result;
use rustix::ioctl::{Getter, Setter, ioctl, opcode};
use std::ffi::{c_int, c_long, c_short};

/// An operation, by its number in mtio.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(super) enum Operation {
    ForwardFilemarks = 1,
    BackwardFilemarks = 2,
    WriteFilemarks = 5,
    Rewind = 6,
    Offline = 7,
    Retension = 9,
    EndOfData = 12,
    Erase = 13,
    SetBlockLength = 20,
    Seek = 22,
    SetOptions = 24,
    WriteFilemarksImmediate = 35,
}

/// `struct mtop`.
#[repr(C)]
struct MtOp {
    op: c_short,
    count: c_int,
}

/// `struct mtget`.
#[repr(C)]
struct MtGet {
    kind: c_long,
    residual: c_long,
    density_and_length: c_long,
    status: c_long,
    recovered: c_long,
    file: c_int,
    block: c_int,
}

/// What the driver thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DriverStatus {
    /// GMT_EOF: the last read met a filemark.
    pub filemark: bool,
    /// GMT_EOT: early warning, or more.
    pub end_of_tape: bool,
    /// GMT_EOD.
    pub end_of_data: bool,
    /// Errors that the drive recovered from since this was asked last.
    pub recovered: u64,
}

/// `MTIOCTOP`.
pub(super) fn operate(tape: impl AsFd, operation: Operation, count: i32) -> Result<()> {
    const MTIOCTOP: rustix::ioctl::Opcode = opcode::write::<MtOp>(b'm', 1);
    let operation = MtOp { op: operation as c_short, count };
    // SAFETY: MTIOCTOP reads one struct mtop, which this is.
    unsafe { ioctl(tape, Setter::<MTIOCTOP, MtOp>::new(operation)) }
}

/// `MTIOCGET`. Sends no command to the drive.
pub(super) fn status(tape: impl AsFd) -> Result<DriverStatus> {
    const MTIOCGET: rustix::ioctl::Opcode = opcode::read::<MtGet>(b'm', 2);
    // SAFETY: MTIOCGET fills one struct mtget, which this is, and for which every bit pattern is a value.
    let found = unsafe { ioctl(tape, Getter::<MTIOCGET, MtGet>::new()) }?;
    let flag = |bit: c_long| found.status & bit != 0;
    Ok(DriverStatus {
        filemark: flag(0x8000_0000),
        end_of_tape: flag(0x2000_0000),
        end_of_data: flag(0x0800_0000),
        // The lower 16 bits count soft errors.
        recovered: (found.recovered & 0xffff) as u64,
    })
}

/// MT_ST_SETBOOLEANS and MT_ST_CLEARBOOLEANS, arguments of [`Operation::SetOptions`].
const SET: i32 = 0x3000_0000;
const CLEAR: i32 = 0x4000_0000;

/// What this program wants of the driver, as arguments of [`Operation::SetOptions`].
pub(super) const OPTIONS: [i32; 2] = [
    // MT_ST_FAST_MTEOM: go to the end of data by the drive's own command. MT_ST_SCSI2LOGICAL: logical block numbers.
    SET | 0x20 | 0x800,
    // Neither buffered (0x1) nor asynchronous (0x2) writes, no read-ahead (0x4), no second filemark at close (0x10), no
    // automatic locking (0x40), no System V filemarks (0x1000), wait for the end of motions (0x2000), tell of short
    // blocks (0x4000).
    CLEAR | 0x1 | 0x2 | 0x4 | 0x10 | 0x40 | 0x1000 | 0x2000 | 0x4000,
];
