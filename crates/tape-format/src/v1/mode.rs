//! Modes of files as Go counts them: `io/fs.FileMode`.

use crate::MemberKind;

const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const FIFO: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const SETUID: u32 = 1 << 23;
const SETGID: u32 = 1 << 22;
const CHARACTER: u32 = 1 << 21;
const STICKY: u32 = 1 << 20;
const IRREGULAR: u32 = 1 << 19;

/// Kind and permissions of a file as a number of Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoMode(u32);

impl GoMode {
    /// The mode with this number; anything that does not fit 32 bits says nothing, as 0 does.
    pub fn new(number: i64) -> GoMode {
        GoMode(u32::try_from(number).unwrap_or(0))
    }

    /// Permission bits as Unix counts them, with set-id and sticky.
    pub fn permissions(self) -> u32 {
        let bit = |go: u32, unix: u32| if self.0 & go != 0 { unix } else { 0 };
        (self.0 & 0o777) | bit(SETUID, 0o4000) | bit(SETGID, 0o2000) | bit(STICKY, 0o1000)
    }

    /// What it is; `None` for what no archive holds (sockets, and what Go calls irregular).
    pub fn kind(self) -> Option<MemberKind> {
        let has = |bit: u32| self.0 & bit != 0;
        if has(SOCKET) || has(IRREGULAR) {
            return None;
        }
        Some(match self.0 {
            _ if has(DIRECTORY) => MemberKind::Directory,
            _ if has(SYMLINK) => MemberKind::Symlink,
            _ if has(FIFO) => MemberKind::Fifo,
            _ if has(CHARACTER) => MemberKind::CharDevice,
            _ if has(DEVICE) => MemberKind::BlockDevice,
            _ => MemberKind::File,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_go_are_understood() {
        // as `os.Lstat(…).Mode()` gives them for: a file 0644, a directory 0755, a link, /bin/su, /tmp, /dev/null, a socket
        for (number, kind, permissions) in [
            (0o644, Some(MemberKind::File), 0o644),
            (2_147_484_141, Some(MemberKind::Directory), 0o755),
            (134_218_239, Some(MemberKind::Symlink), 0o777),
            (8_389_101, Some(MemberKind::File), 0o4755),
            (2_148_532_735, Some(MemberKind::Directory), 0o1777),
            (69_206_454, Some(MemberKind::CharDevice), 0o666),
            (16_777_709, None, 0o755),
            (0, Some(MemberKind::File), 0),
            (-1, Some(MemberKind::File), 0),
        ] {
            let mode = GoMode::new(number);
            assert_eq!((mode.kind(), mode.permissions()), (kind, permissions), "{number}");
        }
    }
}
