//! POSIX ACLs: the kernel's binary form in extended attributes, and the text that tar archives carry.
//!
//! GNU tar restores ACLs (`--acls`) and libarchive (`bsdtar -p`) only from the text of `SCHILY.acl.*`, so that is what
//! is written. Ids are numeric: names belong to another machine.

/// Extended attribute and pax keyword of the two kinds of ACL.
pub(super) const KINDS: [(&[u8], &str); 2] =
    [(b"system.posix_acl_access", "SCHILY.acl.access"), (b"system.posix_acl_default", "SCHILY.acl.default")];

/// `POSIX_ACL_XATTR_VERSION` of the kernel.
const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;
const MAX_ENTRIES: usize = 8192;

/// (tag of the kernel, word, has an id)
const TAGS: [(u16, &str, bool); 6] = [
    (0x01, "user", false),
    (0x02, "user", true),
    (0x04, "group", false),
    (0x08, "group", true),
    (0x10, "mask", false),
    (0x20, "other", false),
];

/// The text of the ACL in the value of an extended attribute; `None` if it is not one.
pub(super) fn to_text(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_at_checked(4)?;
    if u32::from_le_bytes(version.try_into().ok()?) != VERSION || entries.is_empty() || entries.len() % 8 != 0 {
        return None;
    }
    let mut text = String::with_capacity(entries.len() * 2);
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let permissions = u16::from_le_bytes([entry[2], entry[3]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let (_, word, has_id) = TAGS.iter().find(|known| known.0 == tag)?;
        if permissions > 7 {
            return None;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(word);
        text.push(':');
        if *has_id {
            text.push_str(&id.to_string());
        }
        text.push(':');
        for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
            text.push(if permissions & bit != 0 { letter } else { '-' });
        }
    }
    Some(text)
}

/// The value of the extended attribute for an ACL in text; `None` if it cannot be understood, or names users that only
/// the machine of the archive knows.
pub(super) fn from_text(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let mut entries = Vec::new();
    for line in text.split(['\n', ',']) {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        entries.push(entry(line)?);
        if entries.len() > MAX_ENTRIES {
            return None;
        }
    }
    if entries.is_empty() {
        return None;
    }
    // The kernel wants them in this order.
    entries.sort_unstable();
    let mut value = VERSION.to_le_bytes().to_vec();
    for (tag, id, permissions) in entries {
        value.extend_from_slice(&tag.to_le_bytes());
        value.extend_from_slice(&permissions.to_le_bytes());
        value.extend_from_slice(&id.to_le_bytes());
    }
    Some(value)
}

/// `word:[name or id]:rwx[:id]`, the last field as star writes it.
fn entry(line: &str) -> Option<(u16, u32, u16)> {
    let fields: Vec<&str> = line.split(':').map(str::trim).collect();
    let (word, who, letters, extra) = match fields.as_slice() {
        [word @ ("mask" | "m" | "other" | "o"), letters] => (*word, "", *letters, ""),
        [word, who, letters] => (*word, *who, *letters, ""),
        [word, who, letters, extra] => (*word, *who, *letters, *extra),
        _ => return None,
    };
    let word = match word {
        "u" => "user",
        "g" => "group",
        "m" => "mask",
        "o" => "other",
        whole => whole,
    };
    let (tag, _, has_id) = TAGS.iter().find(|known| known.1 == word && known.2 != who.is_empty())?;
    let id = match (*has_id, extra) {
        (false, _) => NO_ID,
        (true, "") => who.parse().ok()?,
        (true, extra) => extra.parse().ok()?,
    };
    let mut permissions = 0;
    for letter in letters.chars() {
        permissions |= match letter {
            'r' => 4,
            'w' => 2,
            'x' => 1,
            '-' => 0,
            _ => return None,
        };
    }
    Some((*tag, id, permissions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_of_gnu_tar_and_star() {
        let value = from_text(b"user::rw-\nuser:1000:r--\ngroup::r--\nmask::r--\nother::r--\n").unwrap();
        assert_eq!(to_text(&value).unwrap(), "user::rw-,user:1000:r--,group::r--,mask::r--,other::r--");
        assert_eq!(from_text(b"user::rw-,user:joe:r--:1000,group::r--,mask::r--,other::r--").unwrap(), value);
        assert_eq!(from_text(b"user:joe:r--"), None);
        assert_eq!(from_text(b""), None);
        assert_eq!(from_text(b"hello"), None);
    }

    proptest! {
        #[test]
        fn roundtrip(users in prop::collection::btree_map(any::<u32>(), 0u16..8, 0..5), base: [bool; 9]) {
            let mut value = VERSION.to_le_bytes().to_vec();
            let mut add = |tag: u16, permissions: u16, id: u32| {
                value.extend(tag.to_le_bytes());
                value.extend(permissions.to_le_bytes());
                value.extend(id.to_le_bytes());
            };
            let bits = |at: usize| base[at..at + 3].iter().fold(0, |sum, &b| sum * 2 + u16::from(b));
            add(1, bits(0), NO_ID);
            for (id, permissions) in &users {
                add(2, *permissions, *id);
            }
            add(4, bits(3), NO_ID);
            add(0x10, 7, NO_ID);
            add(0x20, bits(6), NO_ID);
            let text = to_text(&value).unwrap();
            prop_assert_eq!(from_text(text.as_bytes()).unwrap(), value);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[ugmo:rwx,0-9\n-]{0,40}") {
            let _ = to_text(&bytes);
            let _ = from_text(&bytes);
            let _ = from_text(text.as_bytes());
        }
    }
}
