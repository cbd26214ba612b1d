//! What a client may say about a pool.

use crate::db::AllocationPolicy;
use crate::db::pools::{NewPool, PoolChanges};
use crate::web::fields;
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
    /// Whether expired tapes are written again; `true` unless said otherwise.
    pub allow_reuse: Option<bool>,
    /// `continue` (the default) or `always-new`.
    #[schema(value_type = Option<AllocationPolicy>)]
    pub allocation_policy: Option<String>,
}

impl NewPoolRequest {
    /// The row it asks for.
    pub fn check(self) -> Result<NewPool> {
        let policy = self.allocation_policy.as_deref();
        Ok(NewPool {
            name: fields::name("name", self.name.as_deref())?,
            description: fields::text(self.description),
            retention_days: fields::days("retention_days", self.retention_days)?,
            allow_reuse: i32::from(self.allow_reuse.unwrap_or(true)),
            allocation_policy: fields::optional_word("allocation_policy", policy)?
                .unwrap_or(AllocationPolicy::Continue),
        })
    }
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
    /// Whether expired tapes are written again.
    pub allow_reuse: Option<bool>,
    /// `continue` or `always-new`.
    #[schema(value_type = Option<AllocationPolicy>)]
    pub allocation_policy: Option<String>,
}

impl PoolRequest {
    /// The changes it asks for.
    pub fn check(self) -> Result<PoolChanges> {
        let nothing = self.name.is_none()
            && self.description.is_none()
            && self.retention_days.is_none()
            && self.allow_reuse.is_none()
            && self.allocation_policy.is_none();
        if nothing {
            return Err(Error::bad_request("no fields to update"));
        }
        Ok(PoolChanges {
            name: self.name.map(|name| fields::name("name", Some(&name))).transpose()?,
            description: self.description.map(fields::text),
            retention_days: self.retention_days.map(|days| fields::days("retention_days", days)).transpose()?,
            allow_reuse: self.allow_reuse.map(i32::from),
            allocation_policy: self
                .allocation_policy
                .map(|policy| fields::word("allocation_policy", &policy))
                .transpose()?,
        })
    }
}
