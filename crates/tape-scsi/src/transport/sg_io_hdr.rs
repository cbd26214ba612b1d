//! The kernel's SG_IO (version 3 interface, `include/uapi/scsi/sg.h`): the only unsafe code of this crate.

use super::{Command, Data};
use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl};
use std::ffi::c_void;
use std::ptr;

const SG_IO: Opcode = 0x2285;

const DXFER_NONE: i32 = -1;
const DXFER_TO_DEV: i32 = -2;
const DXFER_FROM_DEV: i32 = -3;

/// `struct sg_io_hdr`.
#[repr(C)]
struct SgIoHdr {
    interface_id: i32,
    dxfer_direction: i32,
    cmd_len: u8,
    mx_sb_len: u8,
    iovec_count: u16,
    dxfer_len: u32,
    dxferp: *mut c_void,
    cmdp: *const u8,
    sbp: *mut u8,
    timeout: u32,
    flags: u32,
    pack_id: i32,
    usr_ptr: *mut c_void,
    status: u8,
    masked_status: u8,
    msg_status: u8,
    sb_len_wr: u8,
    host_status: u16,
    driver_status: u16,
    resid: i32,
    duration: u32,
    info: u32,
}

/// How the kernel says that a command ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub status: u8,
    pub host_status: u16,
    pub driver_status: u16,
    /// Bytes not transferred.
    pub residual: i32,
    pub sense: [u8; 252],
    /// Bytes of `sense` that were written.
    pub sense_length: u8,
}

/// Sends a command and waits for its end.
pub(super) fn sg_io(fd: impl AsFd, command: &Command, data: Data<'_>) -> Result<Ended, Errno> {
    let (direction, pointer, length) = match data {
        Data::None => (DXFER_NONE, ptr::null_mut(), 0),
        Data::In(buffer) => (DXFER_FROM_DEV, buffer.as_mut_ptr().cast::<c_void>(), buffer.len()),
        Data::Out(buffer) => (DXFER_TO_DEV, buffer.as_ptr().cast_mut().cast::<c_void>(), buffer.len()),
    };
    let cdb = command.bytes();
    let mut sense = [0u8; 252];
    let mut header = SgIoHdr {
        interface_id: i32::from(b'S'),
        dxfer_direction: if length == 0 { DXFER_NONE } else { direction },
        cmd_len: u8::try_from(cdb.len()).map_err(|_| Errno::INVAL)?,
        mx_sb_len: sense.len() as u8,
        iovec_count: 0,
        dxfer_len: u32::try_from(length).map_err(|_| Errno::INVAL)?,
        dxferp: pointer,
        cmdp: cdb.as_ptr(),
        sbp: sense.as_mut_ptr(),
        timeout: u32::try_from(command.timeout().duration().as_millis()).unwrap_or(u32::MAX),
        flags: 0,
        pack_id: 0,
        usr_ptr: ptr::null_mut(),
        status: 0,
        masked_status: 0,
        msg_status: 0,
        sb_len_wr: 0,
        host_status: 0,
        driver_status: 0,
        resid: 0,
        duration: 0,
        info: 0,
    };
    // SAFETY: SG_IO reads and writes one sg_io_hdr of exactly this layout. The pointers in it are valid for the lengths
    // beside them until the call returns, which is when the kernel is done with them; the buffer is written only for
    // DXFER_FROM_DEV, where it comes from a `&mut`.
    unsafe { ioctl(fd, Updater::<SG_IO, SgIoHdr>::new(&mut header)) }?;
    Ok(Ended {
        status: header.status,
        host_status: header.host_status,
        driver_status: header.driver_status,
        residual: header.resid,
        sense,
        sense_length: header.sb_len_wr,
    })
}
