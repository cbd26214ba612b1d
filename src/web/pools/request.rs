//! What a client may say about a pool.

use crate::db::pools::{NewPool, Pool, PoolChanges};
use crate::db::{AllocationPolicy, WriteOnce};
use crate::web::fields;
use crate::web::retention::KeepFields;
use crate::{Error, Result};
use serde::Deserialize;
use utoipa::ToSchema;

/// A pool to be made.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewPoolRequest {
    /// Its name, unique. Required.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Days a set in it is kept at least; 0 = for ever.
    pub retention_days: i32,
    /// Beside those.
    #[serde(flatten)]
    pub keep: KeepFields,
    /// Whether expired tapes are written again; `true` unless said otherwise.
    pub allow_reuse: Option<bool>,
    /// `continue` (the default) or `always-new`.
    #[schema(value_type = Option<AllocationPolicy>)]
    pub allocation_policy: Option<String>,
    /// Whether it has write-once tapes: `allow` (the default), `require` or `refuse`.
    #[schema(value_type = Option<WriteOnce>)]
    pub write_once: Option<String>,
}

impl NewPoolRequest {
    /// The row it asks for.
    pub fn check(self) -> Result<NewPool> {
        let policy = self.allocation_policy.as_deref();
        let retention_days = fields::days("retention_days", self.retention_days)?;
        let keep = self.keep.check(forever(retention_days))?;
        let number = |value: Option<Option<i32>>| value.flatten().unwrap_or(0);
        Ok(NewPool {
            name: fields::name("name", self.name.as_deref())?,
            description: fields::text(self.description),
            retention_days,
            keep_last: number(keep.keep_last),
            keep_daily: number(keep.keep_daily),
            keep_weekly: number(keep.keep_weekly),
            keep_monthly: number(keep.keep_monthly),
            keep_yearly: number(keep.keep_yearly),
            allow_reuse: i32::from(self.allow_reuse.unwrap_or(true)),
            allocation_policy: fields::optional_word("allocation_policy", policy)?
                .unwrap_or(AllocationPolicy::Continue),
            write_once: fields::optional_word("write_once", self.write_once.as_deref())?.unwrap_or(WriteOnce::Allow),
        })
    }
}

fn forever(retention_days: i32) -> Option<&'static str> {
    (retention_days == 0).then_some("retention_days 0 keeps every set for ever")
}

/// What to change of a pool; what is not named stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct PoolRequest {
    /// Its name.
    pub name: Option<String>,
    /// What it is for; null or empty: nothing.
    #[serde(deserialize_with = "fields::given")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Days a set in it is kept at least; 0 = for ever.
    pub retention_days: Option<i32>,
    /// Beside those.
    #[serde(flatten)]
    pub keep: KeepFields,
    /// Whether expired tapes are written again.
    pub allow_reuse: Option<bool>,
    /// `continue` or `always-new`.
    #[schema(value_type = Option<AllocationPolicy>)]
    pub allocation_policy: Option<String>,
    /// Whether it has write-once tapes: `allow`, `require` or `refuse`. Holds for what is written from now on.
    #[schema(value_type = Option<WriteOnce>)]
    pub write_once: Option<String>,
}

impl PoolRequest {
    /// The changes it asks for of `known`.
    pub fn check(self, known: &Pool) -> Result<PoolChanges> {
        let nothing = self.name.is_none()
            && self.description.is_none()
            && self.retention_days.is_none()
            && self.keep.is_empty()
            && self.allow_reuse.is_none()
            && self.allocation_policy.is_none()
            && self.write_once.is_none();
        if nothing {
            return Err(Error::bad_request("no fields to update"));
        }
        let retention_days = self.retention_days.map(|days| fields::days("retention_days", days)).transpose()?;
        let keep = self.keep.check(forever(retention_days.unwrap_or(known.retention_days)))?;
        let number = |value: Option<Option<i32>>| value.map(|value| value.unwrap_or(0));
        Ok(PoolChanges {
            name: self.name.map(|name| fields::name("name", Some(&name))).transpose()?,
            description: self.description.map(fields::text),
            retention_days,
            keep_last: number(keep.keep_last),
            keep_daily: number(keep.keep_daily),
            keep_weekly: number(keep.keep_weekly),
            keep_monthly: number(keep.keep_monthly),
            keep_yearly: number(keep.keep_yearly),
            allow_reuse: self.allow_reuse.map(i32::from),
            allocation_policy: self
                .allocation_policy
                .map(|policy| fields::word("allocation_policy", &policy))
                .transpose()?,
            write_once: self.write_once.map(|word| fields::word("write_once", &word)).transpose()?,
        })
    }
}
