//! What is written into the audit log about a request.
//!
//! [`gate`](super::gate) writes one line for every request that changes something (or tries to), that gives out a secret,
//! or that is denied: action and resource come from method and path. A handler that knows more takes an [`AuditNote`]
//! and says so: the id of what it made, names for the details. **Never a secret.**

use crate::auth::Identity;
use crate::auth::permissions::Route;
use crate::db::AuditOutcome;
use crate::db::audit::NewAuditEntry;
use crate::{Error, ErrorKind};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, ResponseError};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::rc::Rc;

#[derive(Debug, Default)]
struct Said {
    id: Option<i32>,
    action: Option<&'static str>,
    username: Option<String>,
    details: Map<String, Value>,
    end: Option<End>,
}

/// What a handler wants to have in the audit log beside method and path.
#[derive(Debug, Clone, Default)]
pub struct AuditNote(Rc<RefCell<Said>>);

impl AuditNote {
    /// The id of the object that was made.
    pub fn id(&self, id: i32) -> &Self {
        self.0.borrow_mut().id = Some(id);
        self
    }

    /// What was done, where the path does not tell it in people's words.
    pub fn action(&self, action: &'static str) -> &Self {
        self.0.borrow_mut().action = Some(action);
        self
    }

    /// The name that a person without a login gave.
    pub fn username(&self, name: &str) -> &Self {
        self.0.borrow_mut().username = Some(name.chars().take(255).collect());
        self
    }

    /// A detail, such as the name of the object. Never a secret.
    pub fn detail(&self, key: &str, value: impl Into<Value>) -> &Self {
        self.0.borrow_mut().details.insert(key.into(), value.into());
        self
    }

    /// It was refused for this reason, although its answer is a page that says so.
    pub fn refused(&self, error: &Error) -> &Self {
        let status = match error.kind {
            ErrorKind::Forbidden | ErrorKind::Conflict => StatusCode::UNAUTHORIZED,
            _ => error.status_code(),
        };
        self.0.borrow_mut().end = Some(End { status, code: Some(error.code) });
        self
    }

    /// How the request ended, where its answer does not tell.
    pub(super) fn end(&self) -> Option<End> {
        self.0.borrow().end.clone()
    }

    /// The line for a request that ended with `status`.
    pub(super) fn line(
        &self,
        route: &Route,
        path: &str,
        identity: Option<&Identity>,
        address: Option<std::net::IpAddr>,
        end: End,
    ) -> NewAuditEntry {
        let said = self.0.borrow();
        let subject = Subject::of(route, path);
        let mut details = said.details.clone();
        if let Some(code) = end.code {
            details.insert("error".into(), code.into());
        }
        details.extend(subject.key.map(|key| ("key".to_owned(), key.into())));
        NewAuditEntry {
            user_id: identity.and_then(Identity::user_id),
            username: identity.map(Identity::name).or_else(|| said.username.clone()).unwrap_or_default(),
            action: said.action.map_or(subject.action, str::to_owned),
            resource_type: subject.resource,
            resource_id: said.id.or(subject.id),
            outcome: outcome(end.status),
            details: (!details.is_empty()).then(|| Value::Object(details).to_string()),
            ip_address: address.map(|address| address.to_string()),
        }
    }
}

/// How a request ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub status: StatusCode,
    pub code: Option<&'static str>,
}

fn outcome(status: StatusCode) -> AuditOutcome {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => AuditOutcome::Denied,
        status if status.is_success() || status.is_redirection() => AuditOutcome::Ok,
        _ => AuditOutcome::Failed,
    }
}

/// Action and object as method and path name them.
#[derive(Debug, PartialEq, Eq)]
struct Subject {
    action: String,
    resource: String,
    id: Option<i32>,
    key: Option<String>,
}

impl Subject {
    /// `POST /tapes/{id}/label` → label, tape, id; `POST /tapes` → create, tape; `PUT /users/{id}/role` → update-role.
    fn of(route: &Route, path: &str) -> Subject {
        let pattern: Vec<&str> = route.pattern.trim_start_matches(super::routes::BASE).split('/').skip(1).collect();
        let given: Vec<&str> = path.trim_start_matches(super::routes::BASE).split('/').skip(1).collect();
        let resource = pattern.first().copied().unwrap_or_default();
        let words: Vec<&str> = pattern.iter().skip(1).filter(|part| !part.starts_with('{')).copied().collect();
        let verb = match route.method {
            "GET" => "read",
            "PUT" => "update",
            "DELETE" => "delete",
            _ => "create",
        };
        let action = match (route.method, words.as_slice()) {
            (_, []) => verb.to_owned(),
            ("POST", words) => words.join("-"),
            (_, words) => format!("{verb}-{}", words.join("-")),
        };
        let parameter = pattern.iter().position(|part| part.starts_with('{')).and_then(|at| given.get(at));
        let id = parameter.and_then(|text| text.parse().ok());
        let key = parameter.filter(|_| id.is_none()).map(|text| text.chars().take(100).collect());
        Subject { action, resource: singular(resource), id, key }
    }
}

fn singular(word: &str) -> String {
    match word.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None if word == "settings" => word.into(),
        None => word.strip_suffix('s').unwrap_or(word).into(),
    }
}

impl FromRequest for AuditNote {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(request.extensions().get::<AuditNote>().cloned().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::permissions::{Answer, find};

    fn subject(method: &str, path: &str) -> (String, String, Option<i32>) {
        let Answer::Route(route) = find(method, path) else { panic!("{method} {path}") };
        let subject = Subject::of(route, path);
        (subject.action, subject.resource, subject.id)
    }

    #[test]
    fn actions_are_named_by_method_and_path() {
        let named = |action: &str, resource: &str, id| (action.to_owned(), resource.to_owned(), id);
        assert_eq!(subject("POST", "/api/v1/tapes"), named("create", "tape", None));
        assert_eq!(subject("POST", "/api/v1/tapes/7/label"), named("label", "tape", Some(7)));
        assert_eq!(subject("PUT", "/api/v1/users/3/role"), named("update-role", "user", Some(3)));
        assert_eq!(subject("DELETE", "/api/v1/libraries/2"), named("delete", "library", Some(2)));
        assert_eq!(subject("PUT", "/api/v1/settings"), named("update", "settings", None));
        assert_eq!(subject("POST", "/api/v1/auth/login"), named("login", "auth", None));
        let sheet = named("read-keysheet-text", "encryption-key", None);
        assert_eq!(subject("GET", "/api/v1/encryption-keys/keysheet/text"), sheet);
    }
}
