//! Made-up files: paths as people have them, and where they would be on a tape.

use tape_format::{MemberKind, MemberRecord};

/// Files in a directory.
pub const FILES_PER_DIR: u64 = 10;

/// From the beginning of one file in the tar stream to that of the next.
pub const SPACING: u64 = 204_800;

/// Well-spread bits of a number (splitmix64).
pub fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const WORDS: [&str; 48] = [
    "archive", "backup", "camera", "data", "engine", "finance", "gallery", "history", "images", "journal", "kernel",
    "letters", "music", "network", "offers", "projects", "quality", "reports", "scripts", "travel", "updates", "video",
    "website", "xray", "yearbook", "zoning", "alpha", "beta", "gamma", "delta", "source", "include", "module", "tests",
    "vendor", "public", "assets", "build", "config", "docs", "export", "family", "german", "health", "import",
    "junior", "kitchen", "library",
];

fn pick<'a>(words: &[&'a str], number: u64) -> &'a str {
    words.get((number % words.len() as u64) as usize).copied().unwrap_or("word")
}

/// A word.
pub fn word(number: u64) -> &'static str {
    pick(&WORDS, number)
}

/// The path of a directory.
pub fn directory(number: u64) -> String {
    // neighbours share all but the last component, as directories do.
    let (year, group) = (2000 + number / 4096 % 25, number / 64);
    let (a, b, c) = (mixed(number / 4096), mixed(group), mixed(number));
    format!("srv/{}-{}/{year}/{}_{}/{}-{number}", word(a), number / 4096, word(b), group % 64, word(c))
}

/// The name of a file.
pub fn name(number: u64) -> String {
    let bits = mixed(number ^ 0xABCD);
    match bits % 10 {
        0 => format!("{}{}.md", pick(&["README", "CHANGES", "LICENSE"], bits >> 8), number % 10),
        1 | 2 => format!("{:016x}.bin", mixed(bits)),
        3..=6 => format!("IMG_{number:08}.jpg"),
        _ => {
            let ending = pick(&["txt", "pdf", "rs"], bits >> 40);
            format!("{}_{}_{:05}.{ending}", word(bits >> 8), word(bits >> 16), bits >> 24 & 0xFFFF)
        }
    }
}

/// A file of a set, and the block it is in.
pub fn member(number: u64, set: i32) -> (MemberRecord, u64) {
    let bits = mixed(number.wrapping_mul(31).wrapping_add(set.unsigned_abs().into()));
    let mut sha256 = [0; 32];
    for (at, chunk) in sha256.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&mixed(bits.wrapping_add(at as u64)).to_le_bytes());
    }
    let size = bits % 200_000;
    let mtime_ns = 1_700_000_000_000_000_000 + (bits >> 8) as i64 % 1_000_000_000_000_000;
    let record = MemberRecord {
        path: format!("{}/{}", directory(number / FILES_PER_DIR), name(number)).into_bytes(),
        kind: MemberKind::File,
        size,
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        user: "anna".into(),
        group: "users".into(),
        mtime_ns,
        ctime_ns: mtime_ns + 1_000_000,
        inode: 10_000_000 + number,
        link: None,
        sha256: Some(sha256),
        tar_offset: number * SPACING,
        tar_length: size.div_ceil(512) * 512 + 1536,
    };
    (record, number * SPACING / 262_144)
}
