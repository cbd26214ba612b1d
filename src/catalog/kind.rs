//! What a version is, as the number in the table.

use tape_format::MemberKind;

/// The path was there in the parent set and is gone.
pub const DELETED: i32 = 0;
/// A directory.
pub const DIRECTORY: i32 = 2;
/// Another name of a file of the same set.
pub const HARDLINK: i32 = 4;

/// The number of a kind.
pub fn to_code(kind: &MemberKind) -> i32 {
    match kind {
        MemberKind::File => 1,
        MemberKind::Directory => DIRECTORY,
        MemberKind::Symlink => 3,
        MemberKind::Hardlink => HARDLINK,
        MemberKind::Fifo => 5,
        MemberKind::CharDevice => 6,
        MemberKind::BlockDevice => 7,
    }
}

/// The kind with this number; `None` for [`DELETED`] and numbers that mean nothing.
pub fn from_code(code: i32) -> Option<MemberKind> {
    Some(match code {
        1 => MemberKind::File,
        DIRECTORY => MemberKind::Directory,
        3 => MemberKind::Symlink,
        HARDLINK => MemberKind::Hardlink,
        5 => MemberKind::Fifo,
        6 => MemberKind::CharDevice,
        7 => MemberKind::BlockDevice,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        let kinds: Vec<_> = (0..10).filter_map(|code| from_code(code).map(|kind| (code, kind))).collect();
        assert_eq!(kinds.len(), 7);
        assert!(kinds.iter().all(|(code, kind)| to_code(kind) == *code));
        assert_eq!(from_code(DELETED), None);
    }
}
