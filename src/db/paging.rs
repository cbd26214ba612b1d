//! Which part of a list is wanted.

/// Most rows one call returns.
pub const MAX_LIMIT: i64 = 10_000;

/// A window on a list: at most `limit` rows after the first `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// At most so many rows.
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

/// Which way a list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Rising,
    /// The largest first.
    Falling,
}

impl Page {
    /// A window as a request asks for it: absent or senseless values become `default_limit` and 0, and the limit is
    /// capped at [`MAX_LIMIT`].
    pub fn new(limit: Option<i64>, offset: Option<i64>, default_limit: i64) -> Self {
        let limit = limit.filter(|limit| *limit > 0).unwrap_or(default_limit).clamp(1, MAX_LIMIT);
        Page { limit, offset: offset.unwrap_or(0).max(0) }
    }

    /// The rows of a list in this window.
    pub fn of<T>(self, rows: Vec<T>) -> Vec<T> {
        let (skip, take) = (usize::try_from(self.offset).unwrap_or(0), usize::try_from(self.limit).unwrap_or(0));
        rows.into_iter().skip(skip).take(take).collect()
    }

    /// The first `limit` rows.
    pub fn first(limit: i64) -> Self {
        Page { limit, offset: 0 }
    }
}

/// A LIKE pattern (escape character `\\`) for "contains `text`".
pub fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senseless_windows_are_made_sensible() {
        assert_eq!(Page::new(None, None, 50), Page::first(50));
        assert_eq!(Page::new(Some(-1), Some(-5), 50), Page::first(50));
        assert_eq!(Page::new(Some(i64::MAX), Some(7), 50), Page { limit: MAX_LIMIT, offset: 7 });
    }

    #[test]
    fn a_window_on_rows_that_are_here() {
        assert_eq!(Page { limit: 2, offset: 1 }.of(vec!['a', 'b', 'c', 'd']), ['b', 'c']);
        assert_eq!(Page { limit: 2, offset: 9 }.of(vec!['a']), [' '; 0]);
    }
}
