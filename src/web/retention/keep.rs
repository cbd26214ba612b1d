//! The rules that count sets, as fields of a job and of a pool.

use crate::Result;
use crate::web::fields::{self, given, invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which sets are kept beside those whose days are not over. 0 switches a rule off; null: for a pool 0, for a job as its
/// pool says.
#[derive(Debug, Default, Clone, Deserialize, Serialize, ToSchema)]
#[serde(default)]
pub struct KeepFields {
    /// The last so many sets of a job.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    pub keep_last: Option<Option<i32>>,
    /// The newest set of each of the last so many days that have one, in the time zone of the job.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    pub keep_daily: Option<Option<i32>>,
    /// The same for weeks, Monday to Sunday.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    pub keep_weekly: Option<Option<i32>>,
    /// The same for months.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    pub keep_monthly: Option<Option<i32>>,
    /// The same for years.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    pub keep_yearly: Option<Option<i32>>,
}

impl KeepFields {
    fn all(&self) -> [(&'static str, Option<Option<i32>>); 5] {
        [
            ("keep_last", self.keep_last),
            ("keep_daily", self.keep_daily),
            ("keep_weekly", self.keep_weekly),
            ("keep_monthly", self.keep_monthly),
            ("keep_yearly", self.keep_yearly),
        ]
    }

    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.all().iter().all(|(_, value)| value.is_none())
    }

    /// The same, if every number makes sense. `forever`: sets are kept for ever by days, so that counting them would
    /// never matter; in words, whose days those are.
    pub fn check(self, forever: Option<&str>) -> Result<KeepFields> {
        for (field, value) in self.all() {
            let Some(Some(value)) = value else { continue };
            if fields::sets_kept(field, value)? > 0
                && let Some(forever) = forever
            {
                return Err(invalid(
                    field,
                    format!(
                        "{field} would never matter, because {forever}: give retention_days, the days that a set is \
                         kept at least (1 or more)"
                    ),
                ));
            }
        }
        Ok(self)
    }
}
