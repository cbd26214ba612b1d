//! System calls of the server that fail, or never return, for the files below a path.
//!
//! The kernel asks this process about each of them (`SECCOMP_RET_USER_NOTIF`, see `seccomp_unotify(2)`), which needs no
//! privilege. So whatever makes the call, SQLite, the standard library or our own code, gets what a disk that is breaking or a
//! server that is gone would give, and nothing in the program under test knows of it.

use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What read content.
pub const READS: &[libc::c_long] = &[libc::SYS_pread64, libc::SYS_read];
/// What write content, and make it last.
pub const WRITES: &[libc::c_long] = &[
    libc::SYS_pwrite64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwritev,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_ftruncate,
];
/// What ask about names.
pub const NAMES: &[libc::c_long] =
    &[libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_getdents64, libc::SYS_readlinkat];

/// What a call gets instead of what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// `EIO`.
    Fails,
    /// Nothing, until the fault is over; then it is done as if nothing had been.
    Hangs,
}

/// Which calls get it.
#[derive(Debug, Clone)]
pub struct Fault {
    pub calls: &'static [libc::c_long],
    /// Absolute path without symbolic links: files whose path begins like this.
    pub path: PathBuf,
    /// So many of them are done first.
    pub after: u64,
    pub reply: Reply,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// Calls that the present fault could have met, and those that it met.
    seen: u64,
    met: u64,
}

/// Stands between a server and the kernel.
#[derive(Clone)]
pub struct Kernel {
    watched: Vec<libc::c_long>,
    state: Arc<Mutex<State>>,
}

impl Kernel {
    /// Hears of these calls.
    pub fn watching(calls: &[&[libc::c_long]]) -> Kernel {
        Kernel { watched: calls.concat(), state: Arc::default() }
    }

    /// From now on this goes wrong.
    pub fn fault(&self, fault: Fault) {
        *self.lock() = State { fault: Some(fault), ..State::default() };
    }

    /// All is well again. How many calls it met.
    pub fn end_fault(&self) -> u64 {
        std::mem::take(&mut *self.lock()).met
    }

    /// How many calls it has met so far.
    pub fn met(&self) -> u64 {
        self.lock().met
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program that is about to be started asks here; [`Asking::answer`] must follow when it was.
    pub fn before(&self, command: &mut Command) -> Asking {
        let (here, there) = UnixDatagram::pair().unwrap();
        let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
        for call in &self.watched {
            let jump = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
            program.push(libc::sock_filter { code: jump, jt: 0, jf: 1, k: *call as u32 });
            program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_USER_NOTIF));
        }
        program.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
        let install = move || {
            let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
            // SAFETY: plain system calls on memory that lives here
            let listener = unsafe {
                if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 {
                    return Err(io::Error::last_os_error());
                }
                let (mode, flags) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
                libc::syscall(libc::SYS_seccomp, libc::c_long::from(mode), flags, &raw const filter)
            };
            if listener < 0 {
                return Err(io::Error::last_os_error());
            }
            send_descriptor(&there, listener as i32)
        };
        // SAFETY: between fork and exec it makes system calls only, and allocates nothing
        unsafe { command.pre_exec(install) };
        Asking { here, kernel: self.clone() }
    }
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: 0, k }
}

/// The room of a control message with one descriptor.
#[repr(C, align(8))]
struct Control([u8; 64]);

fn message(iov: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: a structure of numbers and pointers, all of which may be zero
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_iov = iov;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    // SAFETY: only computes
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<i32>() as u32) } as _;
    message
}

fn send_descriptor(to: &UnixDatagram, descriptor: i32) -> io::Result<()> {
    let (mut byte, mut control) = ([0u8], Control([0; 64]));
    let mut iov = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let message = message(&mut iov, &mut control);
    // SAFETY: the control message lies in `control`, which has room for it
    let sent = unsafe {
        let head = &mut *libc::CMSG_FIRSTHDR(&message);
        head.cmsg_level = libc::SOL_SOCKET;
        head.cmsg_type = libc::SCM_RIGHTS;
        head.cmsg_len = libc::CMSG_LEN(size_of::<i32>() as u32) as _;
        libc::CMSG_DATA(head).cast::<i32>().write_unaligned(descriptor);
        libc::sendmsg(to.as_raw_fd(), &message, 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn receive_descriptor(from: &UnixDatagram) -> OwnedFd {
    let (mut byte, mut control) = ([0u8], Control([0; 64]));
    let mut iov = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    let mut message = message(&mut iov, &mut control);
    // SAFETY: as above; the descriptor that came belongs to nobody else
    unsafe {
        let came = libc::recvmsg(from.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC);
        assert!(came == 1, "no listener: {}", io::Error::last_os_error());
        let head = libc::CMSG_FIRSTHDR(&message);
        assert!(!head.is_null(), "no listener came");
        OwnedFd::from_raw_fd(libc::CMSG_DATA(head).cast::<i32>().read_unaligned())
    }
}

/// A program that has just been started, and waits for its first answer.
pub struct Asking {
    here: UnixDatagram,
    kernel: Kernel,
}

impl Asking {
    /// Answers it, on a thread of its own, for as long as it lives.
    pub fn answer(self) {
        let listener = receive_descriptor(&self.here);
        std::thread::spawn(move || serve(&listener, &self.kernel));
    }
}

fn serve(listener: &OwnedFd, kernel: &Kernel) {
    let mut held: Vec<u64> = Vec::new();
    loop {
        let mut poll = libc::pollfd { fd: listener.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure, and its count is right
        let ready = unsafe { libc::poll(&mut poll, 1, 20) };
        let hangs = kernel.lock().fault.as_ref().is_some_and(|fault| fault.reply == Reply::Hangs);
        if !hangs {
            held.drain(..).for_each(|id| respond(listener, id, None));
        }
        if ready <= 0 {
            continue;
        }
        if poll.revents & libc::POLLIN == 0 {
            return;
        }
        // SAFETY: numbers only; the kernel wants it zeroed
        let mut asked: libc::seccomp_notif = unsafe { zeroed() };
        // SAFETY: the structure that this request is defined with
        let came = unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &mut asked) };
        if came != 0 {
            // the one who asked was interrupted, or is dead
            continue;
        }
        match kernel.reply(&asked) {
            Some(Reply::Hangs) => held.push(asked.id),
            Some(Reply::Fails) => respond(listener, asked.id, Some(libc::EIO)),
            None => respond(listener, asked.id, None),
        }
    }
}

/// `None`: the kernel does what was asked.
fn respond(listener: &OwnedFd, id: u64, error: Option<i32>) {
    let flags = if error.is_some() { 0 } else { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 };
    let mut answer = libc::seccomp_notif_resp { id, val: 0, error: -error.unwrap_or(0), flags };
    // SAFETY: the structure that this request is defined with; who asked may be gone, and then nobody needs an answer
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &mut answer) };
}

impl Kernel {
    fn reply(&self, asked: &libc::seccomp_notif) -> Option<Reply> {
        let call = libc::c_long::from(asked.data.nr);
        let fault = self.lock().fault.clone().filter(|fault| fault.calls.contains(&call))?;
        let path = path_of(asked)?;
        if !path.as_os_str().as_encoded_bytes().starts_with(fault.path.as_os_str().as_encoded_bytes()) {
            return None;
        }
        let mut state = self.lock();
        state.seen += 1;
        // it may have ended in between
        if state.fault.is_none() || state.seen <= fault.after {
            return None;
        }
        state.met += 1;
        Some(fault.reply)
    }
}

/// The file that a call is about.
fn path_of(asked: &libc::seccomp_notif) -> Option<PathBuf> {
    let (process, call) = (asked.pid, libc::c_long::from(asked.data.nr));
    let link = |name: String| std::fs::read_link(format!("/proc/{process}/{name}")).ok();
    let descriptor = asked.data.args[0] as u32 as i32;
    let is_name = [libc::SYS_openat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_readlinkat].contains(&call);
    if !is_name {
        return link(format!("fd/{descriptor}"));
    }
    let mut bytes = vec![0; 4096];
    let memory = File::open(format!("/proc/{process}/mem")).ok()?;
    let length = memory.read_at(&mut bytes, asked.data.args[1]).ok()?;
    let name = bytes[..length].split(|byte| *byte == 0).next()?;
    let name = Path::new(std::str::from_utf8(name).ok()?);
    let folder = || if descriptor == libc::AT_FDCWD { link("cwd".into()) } else { link(format!("fd/{descriptor}")) };
    match name.as_os_str().is_empty() {
        true => folder(),
        false if name.is_absolute() => Some(name.into()),
        false => Some(folder()?.join(name)),
    }
}
