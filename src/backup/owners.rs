//! Names of users and groups, looked up once each.

use std::collections::HashMap;

/// A cache of owner names; one per thread that needs it.
#[derive(Debug, Default)]
pub struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    /// The name of a user; empty if there is none.
    pub fn user(&mut self, uid: u32) -> String {
        self.users.entry(uid).or_insert_with(|| user_name(uid)).clone()
    }

    /// The name of a group; empty if there is none.
    pub fn group(&mut self, gid: u32) -> String {
        self.groups.entry(gid).or_insert_with(|| group_name(gid)).clone()
    }
}

/// Largest answer of the name service that is waited for.
const MAX_ANSWER: usize = 1 << 20;

fn user_name(uid: u32) -> String {
    look_up(|buffer| {
        // SAFETY: an all-zero `passwd` is valid: numbers and null pointers.
        let mut record: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are to live objects, and the length is that of the buffer.
        let status =
            unsafe { libc::getpwuid_r(uid, &mut record, buffer.as_mut_ptr().cast(), buffer.len(), &mut found) };
        (status, (!found.is_null()).then_some(record.pw_name))
    })
}

fn group_name(gid: u32) -> String {
    look_up(|buffer| {
        // SAFETY: an all-zero `group` is valid: numbers and null pointers.
        let mut record: libc::group = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are to live objects, and the length is that of the buffer.
        let status =
            unsafe { libc::getgrgid_r(gid, &mut record, buffer.as_mut_ptr().cast(), buffer.len(), &mut found) };
        (status, (!found.is_null()).then_some(record.gr_name))
    })
}

/// Calls one of the reentrant look-ups of libc, which nothing safe replaces where names come from LDAP or SSSD.
fn look_up(call: impl Fn(&mut [u8]) -> (i32, Option<*mut libc::c_char>)) -> String {
    let mut buffer = vec![0; 1024];
    loop {
        match call(&mut buffer) {
            (libc::ERANGE, _) if buffer.len() < MAX_ANSWER => buffer.resize(buffer.len() * 4, 0),
            (libc::EINTR, _) => {}
            (0, Some(name)) if !name.is_null() => {
                // SAFETY: on success the name is a NUL-terminated string in `buffer`, which is alive.
                return unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned();
            }
            _ => return String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name_and_nobody_uses_a_strange_number() {
        let mut owners = Owners::default();
        assert_eq!(owners.user(0), "root");
        assert_eq!(owners.group(0), "root");
        assert_eq!(owners.user(0), "root");
        assert_eq!(owners.user(3_123_456_789), "");
        assert_eq!(owners.group(3_123_456_789), "");
    }
}
