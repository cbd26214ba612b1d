//! What a client may ask to be brought back.

use crate::db::{Conn, SourceType, drives};
use crate::executions::{ExistingPolicy, RestoreRequest};
use crate::restore::{copies, select};
use crate::web::fields::{self, existing, invalid};
use crate::{Error, Result};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

/// What is wanted, and where it goes. Names a set, or a job and a moment.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default)]
pub struct RestoreBody {
    /// The set whose state is wanted; with the sets it builds on.
    pub backup_set_id: Option<i32>,
    /// Or: the job …
    pub job_id: Option<i32>,
    /// … and the moment (RFC 3339): the newest set that was complete by then. Without it: the newest.
    pub as_of: Option<String>,
    /// Single paths. Empty with empty `folder_paths`: everything.
    pub file_paths: Vec<String>,
    /// Folders with all that is in them.
    pub folder_paths: Vec<String>,
    /// What of those stays on tape, with all that is in it; where a wanted path is deeper, that one counts.
    pub exclude_paths: Vec<String>,
    /// Only what the set itself holds, without the sets it builds on.
    pub only_this_set: bool,
    /// Directory that receives the files, absolute; made if it is missing.
    pub dest_path: Option<String>,
    /// `local`, `nfs` or `smb`: the latter two must be mounted.
    #[schema(value_type = Option<SourceType>)]
    pub destination_type: Option<String>,
    /// What happens to files that exist: `keep` (the default), `overwrite`, `newer`, `rename`.
    #[schema(value_type = Option<ExistingPolicy>)]
    pub policy: Option<String>,
    /// The old program's word for `policy: overwrite`.
    pub overwrite: bool,
    /// Read every restored file back from the destination and compare it too.
    pub verify: bool,
    /// Use this drive; none: any.
    pub drive_id: Option<i32>,
}

/// A directory that receives files.
pub fn destination(field: &'static str, path: Option<&str>) -> Result<String> {
    let path = path.map(str::trim).filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| invalid(field, format!("{field} is required")))?;
    if !path.starts_with('/') || path.contains('\0') {
        return Err(invalid(field, format!("{field} must be absolute: '{path}' does not begin with /")));
    }
    Ok(path.to_string())
}

/// What happens to files that exist.
pub fn policy(word: Option<&str>) -> Result<Option<ExistingPolicy>> {
    Ok(match word.filter(|word| !word.is_empty()) {
        None => None,
        Some("keep") => Some(ExistingPolicy::Keep),
        Some("overwrite") => Some(ExistingPolicy::Overwrite),
        Some("newer") => Some(ExistingPolicy::Newer),
        Some("rename") => Some(ExistingPolicy::Rename),
        Some(other) => {
            return Err(invalid("policy", format!("policy: '{other}' is none of: keep, overwrite, newer, rename")));
        }
    })
}

/// A moment in UTC.
pub fn moment(field: &'static str, text: Option<&str>) -> Result<Option<NaiveDateTime>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc).naive_utc());
    parsed.map(Some).map_err(|_| invalid(field, format!("{field}: '{text}' is no time such as 2026-11-20T22:13:26Z")))
}

impl RestoreBody {
    /// The request it asks for, with what it names looked up: all but the destination.
    pub fn check(self, conn: &mut Conn) -> Result<RestoreRequest> {
        let as_of = moment("as_of", self.as_of.as_deref())?;
        let backup_set_id = match (self.backup_set_id, self.job_id) {
            (Some(set), _) => set,
            (None, Some(job)) => select::set_as_of(conn, job, as_of)?,
            (None, None) => return Err(invalid("backup_set_id", "backup_set_id or job_id is required")),
        };
        select::alone(conn, backup_set_id)?;
        if let Some(drive) = self.drive_id {
            existing("drive_id", drives::find(conn, drive))?;
        }
        let destination_type: Option<SourceType> =
            fields::optional_word("destination_type", self.destination_type.as_deref())?;
        Ok(RestoreRequest {
            backup_set_id: Some(backup_set_id),
            job_id: None,
            as_of: None,
            file_paths: self.file_paths,
            folder_paths: self.folder_paths,
            exclude_paths: self.exclude_paths,
            only_this_set: self.only_this_set,
            dest_path: self.dest_path.map(|path| path.trim().to_string()).unwrap_or_default(),
            destination_type: destination_type.map(|word| word.as_str().to_string()),
            policy: policy(self.policy.as_deref())?,
            overwrite: self.overwrite,
            verify: self.verify,
            drive_id: self.drive_id,
        })
    }
}

/// The sets that make the state a checked request names, newest first, or copies that are easier to read; and why those.
pub fn chain(conn: &mut Conn, request: &RestoreRequest) -> Result<(Vec<i32>, Vec<String>)> {
    let set = request.backup_set_id.ok_or_else(|| Error::internal("a checked restore names a set"))?;
    let chain = if request.only_this_set { select::alone(conn, set)? } else { select::state_of(conn, set)? };
    copies::best(conn, &chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_any_zone() {
        let time = moment("as_of", Some("2026-11-20T23:00:00+01:00")).expect("time").expect("some");
        assert_eq!(crate::db::time::to_rfc3339(&time), "2026-11-20T22:00:00Z");
        assert!(moment("as_of", Some("yesterday")).is_err());
        assert_eq!(moment("as_of", None).expect("none"), None);
    }

    #[test]
    fn destinations_and_policies_are_checked() {
        assert!(destination("dest_path", Some("restore")).is_err());
        assert!(destination("dest_path", None).is_err());
        assert_eq!(destination("dest_path", Some(" /restore ")).expect("path"), "/restore");
        assert_eq!(policy(Some("newer")).expect("policy"), Some(ExistingPolicy::Newer));
        assert!(policy(Some("always")).expect_err("none").message.contains("keep, overwrite"));
    }
}
