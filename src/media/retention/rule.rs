//! What a job and its pool ask for.

use crate::db::jobs::Job;
use crate::db::pools::Pool;

/// How long by days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Days {
    /// For ever.
    Forever,
    /// So many times 24 hours after its end.
    AtLeast(u32),
}

/// Which sets are kept. Every number that is not 0 keeps some; what one of them keeps is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// By age.
    pub days: Days,
    /// The last so many.
    pub last: u32,
    /// The newest of each of the last so many days that have one.
    pub daily: u32,
    /// The newest of each of the last so many ISO weeks that have one.
    pub weekly: u32,
    /// The newest of each of the last so many months that have one.
    pub monthly: u32,
    /// The newest of each of the last so many years that have one.
    pub yearly: u32,
}

fn count(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

impl Rule {
    /// The rule of a pool. 0 days: for ever.
    pub fn of_pool(pool: &Pool) -> Rule {
        Rule {
            days: match count(pool.retention_days) {
                0 => Days::Forever,
                days => Days::AtLeast(days),
            },
            last: count(pool.keep_last),
            daily: count(pool.keep_daily),
            weekly: count(pool.keep_weekly),
            monthly: count(pool.keep_monthly),
            yearly: count(pool.keep_yearly),
        }
    }

    /// The rule of a job. 0 days, and numbers that are not given, are those of its pool.
    pub fn of_job(job: &Job, pool: &Pool) -> Rule {
        let keep = [job.keep_last, job.keep_daily, job.keep_weekly, job.keep_monthly, job.keep_yearly];
        Rule::beside(pool, job.retention_days, keep)
    }

    /// The rule of a job of this pool with these days and these numbers: last, daily, weekly, monthly, yearly.
    pub fn beside(pool: &Pool, days: i32, keep: [Option<i32>; 5]) -> Rule {
        let default = Rule::of_pool(pool);
        let own = |value: Option<i32>, default: u32| value.map_or(default, count);
        let [last, daily, weekly, monthly, yearly] = keep;
        Rule {
            days: match count(days) {
                0 => default.days,
                days => Days::AtLeast(days),
            },
            last: own(last, default.last),
            daily: own(daily, default.daily),
            weekly: own(weekly, default.weekly),
            monthly: own(monthly, default.monthly),
            yearly: own(yearly, default.yearly),
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.days {
            Days::Forever => f.write_str("for ever")?,
            Days::AtLeast(1) => f.write_str("1 day")?,
            Days::AtLeast(days) => write!(f, "{days} days")?,
        }
        let counts = [
            ("the last", self.last),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
        ];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {name} {count}")?;
        }
        Ok(())
    }
}
