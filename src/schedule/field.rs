//! One field of a cron expression: which values it names, and how its tokens are read.

use super::ScheduleError;
use std::fmt;

/// The fields, in the order of a six-field expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldName {
    /// 0–59; only in six-field expressions.
    Second,
    /// 0–59.
    Minute,
    /// 0–23.
    Hour,
    /// 1–31.
    DayOfMonth,
    /// 1–12, JAN–DEC.
    Month,
    /// 0–7, SUN–SAT; 0 and 7 are Sunday.
    DayOfWeek,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldName::Second => "second",
            FieldName::Minute => "minute",
            FieldName::Hour => "hour",
            FieldName::DayOfMonth => "day of month",
            FieldName::Month => "month",
            FieldName::DayOfWeek => "day of week",
        })
    }
}

impl FieldName {
    /// Lowest and highest value people may write.
    fn written_range(self) -> (u8, u8) {
        match self {
            FieldName::Second | FieldName::Minute => (0, 59),
            FieldName::Hour => (0, 23),
            FieldName::DayOfMonth => (1, 31),
            FieldName::Month => (1, 12),
            FieldName::DayOfWeek => (0, 7),
        }
    }

    /// Lowest and highest value kept: Sunday is 0 only.
    fn kept_range(self) -> (u8, u8) {
        match self {
            FieldName::DayOfWeek => (0, 6),
            other => other.written_range(),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            FieldName::Month => &MONTHS,
            FieldName::DayOfWeek => &WEEKDAYS,
            _ => &[],
        }
    }

    /// What may stand in the field, for error messages.
    fn expectation(self) -> String {
        let (low, high) = self.written_range();
        match self {
            FieldName::Month => format!("a number from {low} to {high} or a name from JAN to DEC"),
            FieldName::DayOfWeek => {
                format!("a number from {low} to {high} (0 and 7 are Sunday) or a name from SUN to SAT")
            }
            _ => format!("a number from {low} to {high}"),
        }
    }
}

/// The values of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Which field.
    pub name: FieldName,
    /// Bit n set: value n.
    bits: u64,
    /// Written with a `*` or `?`: then it does not restrict the day (see [`super::cron::Cron`]).
    pub starred: bool,
}

impl Field {
    /// The field with exactly one value.
    pub fn single(name: FieldName, value: u8) -> Self {
        Field { name, bits: bit(value), starred: false }
    }

    /// The field with every value.
    pub fn all(name: FieldName) -> Self {
        let (low, high) = name.kept_range();
        Field { name, bits: (low..=high).map(bit).fold(0, |all, one| all | one), starred: true }
    }

    /// The values in ascending order.
    pub fn values(&self) -> Vec<u8> {
        (0..64).filter(|value| self.bits & bit(*value) != 0).collect()
    }

    /// Every value there is.
    pub fn is_all(&self) -> bool {
        self.bits == Field::all(self.name).bits
    }

    /// The only value, if it is one.
    pub fn only(&self) -> Option<u8> {
        (self.bits.count_ones() == 1).then(|| self.bits.trailing_zeros() as u8)
    }

    /// The step, if the values are every step-th from the lowest to the end of the range, and more than two.
    pub fn step(&self) -> Option<u8> {
        let values = self.values();
        let (low, high) = self.name.kept_range();
        let (first, second) = (values.first()?, values.get(1)?);
        let step = second - first;
        let expected = (low..=high).step_by(usize::from(step));
        (values.len() > 2 && *first == low && expected.eq(values.iter().copied())).then_some(step)
    }

    /// Reads the field; `column` is where it begins in the expression, from 1.
    pub fn parse(name: FieldName, text: &str, column: usize) -> Result<Self, ScheduleError> {
        let mut field = Field { name, bits: 0, starred: false };
        let mut at = column;
        for token in text.split(',') {
            field.add(token).map_err(|reason| ScheduleError::Token {
                field: name,
                token: token.to_owned(),
                column: at,
                reason,
            })?;
            at += token.chars().count() + 1;
        }
        Ok(field)
    }

    fn add(&mut self, token: &str) -> Result<(), String> {
        let (range, step) = match token.split_once('/') {
            Some((range, step)) => (range, Some(self.parse_step(step)?)),
            None => (token, None),
        };
        let (low, high) = self.name.written_range();
        let (from, to) = match range {
            "*" => self.whole_range(),
            "?" if matches!(self.name, FieldName::DayOfMonth | FieldName::DayOfWeek) => self.whole_range(),
            _ => match range.split_once('-') {
                Some((from, to)) => self.parse_range(from, to)?,
                None => {
                    let from = self.parse_value(range)?;
                    (from, if step.is_some() { high } else { from })
                }
            },
        };
        debug_assert!(low <= from && to <= high, "parse_value checks the bounds");
        for value in (from..=to).step_by(usize::from(step.unwrap_or(1))) {
            let sunday = self.name == FieldName::DayOfWeek && value == 7;
            self.bits |= bit(if sunday { 0 } else { value });
        }
        Ok(())
    }

    fn whole_range(&mut self) -> (u8, u8) {
        self.starred = true;
        self.name.kept_range()
    }

    fn parse_step(&self, text: &str) -> Result<u8, String> {
        let (low, high) = self.name.kept_range();
        let most = high - low + 1;
        match text.parse::<u8>() {
            Ok(step) if (1..=most).contains(&step) && plain_digits(text) => Ok(step),
            _ => Err(format!("the step behind \"/\" must be a number from 1 to {most}")),
        }
    }

    fn parse_range(&self, from: &str, to: &str) -> Result<(u8, u8), String> {
        let (low, mut high) = (self.parse_value(from)?, self.parse_value(to)?);
        if self.name == FieldName::DayOfWeek && high == 0 && low > 0 {
            high = 7;
        }
        if low > high {
            let (first, last) = self.name.kept_range();
            return Err(format!("the range runs backwards; write {low}-{last},{first}-{high}"));
        }
        Ok((low, high))
    }

    fn parse_value(&self, text: &str) -> Result<u8, String> {
        let (low, high) = self.name.written_range();
        if plain_digits(text) {
            return match text.parse::<u8>() {
                Ok(value) if (low..=high).contains(&value) => Ok(value),
                _ => Err(format!("out of range, expected {}", self.name.expectation())),
            };
        }
        let first = self.name.kept_range().0;
        if let Some(index) = self.name.names().iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(first + index as u8);
        }
        if text.is_empty() {
            return Err(format!("something is missing, expected {}", self.name.expectation()));
        }
        if text.contains(['L', 'W', '#', 'C']) && matches!(self.name, FieldName::DayOfMonth | FieldName::DayOfWeek) {
            return Err(format!("L, W and # are not supported, expected {}", self.name.expectation()));
        }
        Err(format!("not understood, expected {}", self.name.expectation()))
    }
}

fn plain_digits(text: &str) -> bool {
    !text.is_empty() && text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn bit(value: u8) -> u64 {
    1u64.checked_shl(u32::from(value)).unwrap_or(0)
}

/// `MON`, for the expression given to the `cron` crate; [`explain`](super::explain) has the long names.
pub(super) fn weekday_short_name(value: u8) -> &'static str {
    WEEKDAYS.get(usize::from(value)).copied().unwrap_or("SUN")
}
