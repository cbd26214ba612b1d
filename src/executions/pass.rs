//! A run that reads back what it wrote goes through the same files again: they are not counted twice.

/// Files and bytes, done and to do.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// Files done.
    pub files: u64,
    /// Content bytes of them.
    pub bytes: u64,
    /// Files to do.
    pub files_total: u64,
    /// Content bytes of them.
    pub bytes_total: u64,
}

impl Amounts {
    fn behind(self, first: Amounts) -> Amounts {
        Amounts {
            files: self.files.saturating_sub(first.files),
            bytes: self.bytes.saturating_sub(first.bytes),
            files_total: self.files_total.saturating_sub(first.files_total),
            bytes_total: self.bytes_total.saturating_sub(first.bytes_total),
        }
    }
}

/// How often a run goes through its files.
#[derive(Debug, Default, Clone, Copy)]
pub enum Pass {
    /// All that is counted is shown.
    #[default]
    Only,
    /// What was counted before the second pass is not shown as long as that lasts.
    Second(Amounts),
    /// The second pass is over: what was counted before it is shown.
    Over(Amounts),
}

impl Pass {
    /// A pass behind what was counted so far; behind nothing it is the only one.
    pub fn second(counted: Amounts) -> Pass {
        if counted.files == 0 && counted.bytes == 0 { Pass::Only } else { Pass::Second(counted) }
    }

    /// It has ended, well or not.
    pub fn over(&mut self) {
        if let Pass::Second(first) = *self {
            *self = Pass::Over(first);
        }
    }

    /// What people are shown of what was counted.
    pub fn shown(self, counted: Amounts) -> Amounts {
        match self {
            Pass::Only => counted,
            Pass::Second(first) => counted.behind(first),
            Pass::Over(first) => first,
        }
    }
}
