//! Names of users.

use crate::{Error, Result};

/// Longest name, in characters.
const LONGEST: usize = 64;

/// A name that can be typed, shown and told apart: 1 to 64 characters, no white space around it, none that cannot be seen or that
/// turns the others around.
///
/// # Errors
/// 400.
pub fn check(name: &str) -> Result<()> {
    let visible = name == name.trim() && !name.chars().any(|c| c.is_control() || is_invisible(c));
    if visible && (1..=LONGEST).contains(&name.chars().count()) {
        return Ok(());
    }
    Err(Error::bad_request("a user name has 1 to 64 characters, no spaces around it and no control characters"))
}

/// Characters of Unicode without a shape, and those that change the direction of others.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_seen() {
        for good in ["a", "Ann Müller", "ann@example.org", "安娜", &"x".repeat(64)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a\nb", "a\u{202e}b", "a\u{200b}b", "\u{feff}a", "a\0", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
