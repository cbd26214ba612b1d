//! Preloaded into a server: shows it a time of day that is off by as many nanoseconds as the file says that
//! `TAPEBACKARR_TEST_CLOCK` names. The file is mapped, so that a jump is seen at once and everywhere: by the standard library,
//! SQLite and OpenSSL. Clocks that nobody can set, by which programs wait, are left alone.
//!
//! Compiled by the tests, with nothing but the compiler ([`crate::clock`]).

use std::ffi::{c_char, c_int, c_long, c_void};
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

#[repr(C)]
pub struct Timeval {
    seconds: i64,
    microseconds: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn mmap(at: *mut c_void, length: usize, access: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

#[cfg(target_arch = "x86_64")]
const CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const CLOCK_GETTIME: c_long = 113;
const REALTIME: c_int = 0;
const REALTIME_COARSE: c_int = 5;
const SECOND: i64 = 1_000_000_000;

/// By how much the time is off.
fn offset() -> i64 {
    static MAPPED: AtomicPtr<AtomicI64> = AtomicPtr::new(std::ptr::null_mut());
    let mut mapped = MAPPED.load(Ordering::Acquire);
    if mapped.is_null() {
        // SAFETY: the path is a C string, the mapping is shared, readable, and never given back
        unsafe {
            let path = getenv(c"TAPEBACKARR_TEST_CLOCK".as_ptr());
            let file = if path.is_null() { -1 } else { open(path, 0x80000) };
            if file < 0 {
                return 0;
            }
            mapped = mmap(std::ptr::null_mut(), 8, 1, 1, file, 0).cast();
        }
        if mapped as isize == -1 {
            return 0;
        }
        MAPPED.store(mapped, Ordering::Release);
    }
    // SAFETY: it is mapped, and as long as a number
    unsafe { (*mapped).load(Ordering::Relaxed) }
}

/// # Safety
/// As that of libc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    // SAFETY: what the caller has promised
    unsafe {
        let result = syscall(CLOCK_GETTIME, c_long::from(clock), time) as c_int;
        if result == 0 && (clock == REALTIME || clock == REALTIME_COARSE) {
            let shown = (*time).seconds * SECOND + (*time).nanoseconds + offset();
            (*time).seconds = shown.div_euclid(SECOND);
            (*time).nanoseconds = shown.rem_euclid(SECOND);
        }
        result
    }
}

fn now() -> Timespec {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: it is a place for a time
    unsafe { clock_gettime(REALTIME, &mut time) };
    time
}

/// # Safety
/// As that of libc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut c_void) -> c_int {
    let now = now();
    // SAFETY: what the caller has promised
    unsafe { *time = Timeval { seconds: now.seconds, microseconds: now.nanoseconds / 1000 } };
    0
}

/// # Safety
/// As that of libc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(seconds: *mut i64) -> i64 {
    let now = now().seconds;
    if !seconds.is_null() {
        // SAFETY: what the caller has promised
        unsafe { *seconds = now };
    }
    now
}

/// A clock that somebody sets is not kept right: `TIME_ERROR`.
///
/// # Safety
/// As that of libc.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn adjtimex(_state: *mut c_void) -> c_int {
    5
}
