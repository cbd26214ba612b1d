//! Who is asking, once it is known.

use super::Role;

/// What a request presents.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A login: `Authorization: Bearer …`, or the cookie of a browser.
    Token(String),
    /// A program's key: `X-API-Key: tbk_…`.
    ApiKey(String),
}

/// Without the secret.
impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Credential::Token(_) => "Token(…)",
            Credential::ApiKey(_) => "ApiKey(…)",
        })
    }
}

/// A person or a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A user who logged in.
    User {
        /// Their id.
        id: i32,
        /// Their name.
        username: String,
    },
    /// A program with an API key.
    ApiKey {
        /// The id of the key.
        id: i32,
        /// The name of the key.
        name: String,
    },
}

/// Who is asking, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub who: Who,
    /// What they may do.
    pub role: Role,
    /// The id of the login they use, if it is one that can be listed.
    pub session: Option<String>,
}

impl Identity {
    /// As the audit log names them: the user's name, or `api-key NAME`.
    pub fn name(&self) -> String {
        match &self.who {
            Who::User { username, .. } => username.clone(),
            Who::ApiKey { name, .. } => format!("api-key {name}"),
        }
    }

    /// The user's id; none for API keys.
    pub fn user_id(&self) -> Option<i32> {
        match self.who {
            Who::User { id, .. } => Some(id),
            Who::ApiKey { .. } => None,
        }
    }
}
