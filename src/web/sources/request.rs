//! What a client may say about a source.

use crate::backup::filter::{Case, Filter, FilterSpec};
use crate::backup::source::{self, SourceKind};
use crate::db::SourceType;
use crate::db::sources::{NewSource, SourceChanges, patterns_json};
use crate::web::fields::{self, about, invalid};
use crate::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::path::Path;
use utoipa::ToSchema;

/// A source to be made, or what to change of one.
#[derive(Debug, Default, Clone, Deserialize, ToSchema)]
#[serde(default)]
pub struct SourceRequest {
    /// Its name, unique. Required to make one.
    pub name: Option<String>,
    /// `local`, `nfs` or `smb`; the latter two must be mounted. `local` unless said otherwise.
    #[schema(value_type = Option<SourceType>)]
    pub source_type: Option<String>,
    /// The folder, absolute. Required to make one.
    pub path: Option<String>,
    /// Glob patterns; if there are any, only what they match is sent.
    pub include_patterns: Option<Vec<String>>,
    /// Glob patterns of what is left out; `!` takes back in.
    pub exclude_patterns: Option<Vec<String>>,
    /// Do not descend into other mounts.
    pub one_file_system: Option<bool>,
    /// Patterns ignore case.
    pub case_insensitive: Option<bool>,
    /// Whether it may be backed up.
    pub enabled: Option<bool>,
    /// Accept a path that is not there yet, or not mounted.
    pub allow_missing: bool,
}

/// The backup's word for where a source is.
pub fn kind_of(source_type: SourceType) -> SourceKind {
    match source_type {
        SourceType::Local => SourceKind::Local,
        SourceType::Nfs => SourceKind::Nfs,
        SourceType::Smb => SourceKind::Smb,
    }
}

/// 400 unless the source is there now.
pub fn reachable(source_type: SourceType, path: &str) -> Result<()> {
    source::check(kind_of(source_type), Path::new(path)).map(drop).map_err(|error| match error.kind {
        ErrorKind::Unprocessable | ErrorKind::BadRequest => {
            let details = serde_json::json!({"field": "path", "reason": error.code});
            Error::bad_request(error.message).with_details(details)
        }
        _ => error,
    })
}

/// Compiles patterns; 400 names the one that is wrong.
pub fn filter(include: &[String], exclude: &[String], case_insensitive: bool) -> Result<Filter> {
    let case = if case_insensitive { Case::Insensitive } else { Case::Sensitive };
    let only_includes = FilterSpec { include: include.to_vec(), exclude: Vec::new(), case };
    Filter::new(&only_includes).map_err(about("include_patterns"))?;
    let spec = FilterSpec { exclude: exclude.to_vec(), ..only_includes };
    Filter::new(&spec).map_err(about("exclude_patterns"))
}

/// A path as it is stored: absolute, without a slash at its end.
pub fn absolute(path: &str) -> Result<String> {
    let path = path.trim();
    if path.is_empty() {
        return Err(invalid("path", "path is required"));
    }
    if !path.starts_with('/') || path.contains('\0') {
        return Err(invalid("path", format!("path must be absolute: '{path}' does not begin with /")));
    }
    let trimmed = path.trim_end_matches('/');
    Ok(if trimmed.is_empty() { "/".into() } else { trimmed.into() })
}

impl SourceRequest {
    fn source_type(&self) -> Result<Option<SourceType>> {
        fields::optional_word("source_type", self.source_type.as_deref())
    }

    /// The row that a request to make a source asks for.
    pub fn check_new(self) -> Result<NewSource> {
        let source_type = self.source_type()?.unwrap_or(SourceType::Local);
        let name = fields::name("name", self.name.as_deref())?;
        let path = absolute(self.path.as_deref().unwrap_or_default())?;
        let include = self.include_patterns.unwrap_or_default();
        let exclude = self.exclude_patterns.unwrap_or_default();
        let case_insensitive = self.case_insensitive.unwrap_or(false);
        filter(&include, &exclude, case_insensitive)?;
        if !self.allow_missing {
            reachable(source_type, &path)?;
        }
        Ok(NewSource {
            name,
            source_type,
            path,
            include_patterns: patterns_json(&include)?,
            exclude_patterns: patterns_json(&exclude)?,
            one_file_system: self.one_file_system.unwrap_or(false),
            case_insensitive,
            enabled: self.enabled.unwrap_or(true),
        })
    }

    /// The changes that a request to change `known` asks for.
    pub fn check_changes(self, known: &crate::db::sources::Source) -> Result<SourceChanges> {
        let source_type = self.source_type()?;
        let path = self.path.as_deref().map(absolute).transpose()?;
        let include = self.include_patterns.clone().map_or_else(|| known.includes(), Ok)?;
        let exclude = self.exclude_patterns.clone().map_or_else(|| known.excludes(), Ok)?;
        filter(&include, &exclude, self.case_insensitive.unwrap_or(known.case_insensitive))?;
        if (path.is_some() || source_type.is_some()) && !self.allow_missing {
            reachable(source_type.unwrap_or(known.source_type), path.as_deref().unwrap_or(&known.path))?;
        }
        let changes = SourceChanges {
            name: self.name.as_deref().map(|name| fields::name("name", Some(name))).transpose()?,
            source_type,
            path,
            include_patterns: self.include_patterns.as_deref().map(patterns_json).transpose()?,
            exclude_patterns: self.exclude_patterns.as_deref().map(patterns_json).transpose()?,
            one_file_system: self.one_file_system,
            case_insensitive: self.case_insensitive,
            enabled: self.enabled,
        };
        let nothing = changes.name.is_none()
            && changes.source_type.is_none()
            && changes.path.is_none()
            && changes.include_patterns.is_none()
            && changes.exclude_patterns.is_none()
            && changes.one_file_system.is_none()
            && changes.case_insensitive.is_none()
            && changes.enabled.is_none();
        if nothing {
            return Err(Error::bad_request("no fields to update"));
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(request: SourceRequest) -> (String, String) {
        let error = request.check_new().expect_err("must be refused");
        let field =
            error.details.as_ref().and_then(|details| details["field"].as_str()).unwrap_or_default().to_string();
        (field, error.message)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = SourceRequest { name: Some("s".into()), path: Some("/tmp/".into()), ..SourceRequest::default() };
        assert_eq!(good.clone().check_new().expect("good").path, "/tmp");
        assert_eq!(refused(SourceRequest { path: Some("tmp".into()), ..good.clone() }).0, "path");
        assert_eq!(refused(SourceRequest { source_type: Some("ftp".into()), ..good.clone() }).0, "source_type");
        let (field, message) = refused(SourceRequest { exclude_patterns: Some(vec!["[".into()]), ..good.clone() });
        assert_eq!(field, "exclude_patterns");
        assert!(message.contains('['), "{message}");
        let missing = SourceRequest { path: Some("/nowhere/at/all".into()), ..good };
        assert_eq!(refused(missing.clone()).0, "path");
        assert!(SourceRequest { allow_missing: true, ..missing }.check_new().is_ok());
    }
}
