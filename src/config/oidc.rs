//! Logins at an OpenID provider: what is configured, and whether it fits together.

use crate::db::Role;
use reqwest::Url;
use serde::Deserialize;
use std::path::PathBuf;

/// Longest name on the button, in characters.
const LONGEST_NAME: usize = 64;

/// Logins at an OpenID provider.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// What the provider calls itself; empty: nobody logs in there. Use [`Oidc::is_on`].
    pub issuer: String,
    /// Address of the web interface as people reach it, to which the provider sends them back.
    pub public_url: String,
    /// What the provider calls us.
    pub client_id: String,
    /// The secret that it gave us; empty: in the file, or there is none.
    pub client_secret: String,
    /// File of that secret; empty: there is none.
    pub client_secret_file: PathBuf,
    /// File of certificates that are believed beside those of the system; empty: there is none.
    pub ca_certificate: PathBuf,
    /// Name on the button of the login page.
    pub display_name: String,
    /// What the provider is asked for.
    pub scopes: Vec<String>,
    /// The claim that says who may do what.
    pub role_claim: String,
    /// Its values that make administrators.
    pub admin_values: Vec<String>,
    /// Its values that make operators.
    pub operator_values: Vec<String>,
    /// Its values that make readers.
    pub readonly_values: Vec<String>,
    /// Who has none of them.
    pub default_role: DefaultRole,
    /// Whether users are made at their first login.
    pub create_users: CreateUsers,
    /// The claim that names a user who is made.
    pub name_claim: String,
    /// When the provider's login counts as a second factor.
    pub second_factor: ProviderFactor,
    /// Who may still log in with a password.
    pub password_login: PasswordLogin,
}

/// Without the secret: settings end up in logs.
impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Oidc").field("issuer", &self.issuer).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// The role of people for whom the provider has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultRole {
    /// They stay out.
    Refuse,
    /// They look on.
    Readonly,
    /// They work.
    Operator,
}

/// Whether users are made at their first login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CreateUsers {
    /// They are.
    On,
    /// Only users whom an administrator has linked get in.
    Off,
}

/// When the provider's login counts as a second factor, for roles that must have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderFactor {
    /// If it says that it asked for one.
    Told,
    /// Always.
    Trusted,
}

/// Who may log in with a password while there is a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordLogin {
    /// Whoever has one.
    Everybody,
    /// Administrators who have one.
    Administrators,
    /// Nobody.
    Nobody,
}

impl PasswordLogin {
    /// Whether users of this role may.
    pub fn allows(self, role: Role) -> bool {
        match self {
            PasswordLogin::Everybody => true,
            PasswordLogin::Administrators => role == Role::Admin,
            PasswordLogin::Nobody => false,
        }
    }
}

impl Oidc {
    /// Whether people may log in at a provider.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Who may log in with a password: everybody, where there is no provider.
    pub fn password_login(&self) -> PasswordLogin {
        if self.is_on() { self.password_login } else { PasswordLogin::Everybody }
    }

    /// The strongest role that one of these values gives; else that of people for whom there is none.
    pub fn role_of(&self, values: &[&str]) -> Option<Role> {
        let given = [
            (&self.admin_values, Role::Admin),
            (&self.operator_values, Role::Operator),
            (&self.readonly_values, Role::Readonly),
        ];
        let found = given.into_iter().find(|(names, _)| names.iter().any(|name| values.contains(&name.as_str())));
        found.map(|(_, role)| role).or(match self.default_role {
            DefaultRole::Refuse => None,
            DefaultRole::Readonly => Some(Role::Readonly),
            DefaultRole::Operator => Some(Role::Operator),
        })
    }

    /// Which key does not fit to the others, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if !self.is_on() {
            return None;
        }
        let wrong = |key, why: &str| Some((key, format!("{key} is not accepted: {why}")));
        if let Err(why) = provider_url(&self.issuer) {
            return wrong("oidc.issuer", &why);
        }
        if self.public_url.is_empty() {
            return wrong(
                "oidc.public_url",
                "oidc.issuer is set, and the provider must know where to send people back",
            );
        }
        if Url::parse(&self.public_url).is_ok_and(|url| url.path() != "/" || url.query().is_some()) {
            return wrong("oidc.public_url", "expected scheme, host and port only, such as https://tapes.example.org");
        }
        if self.client_id.trim().is_empty() {
            return wrong("oidc.client_id", "oidc.issuer is set, and the provider must know who asks");
        }
        if !self.client_secret.is_empty() && !self.client_secret_file.as_os_str().is_empty() {
            return wrong("oidc.client_secret", "oidc.client_secret_file is set too: give one of them");
        }
        if self.display_name.chars().count() > LONGEST_NAME || self.display_name.chars().any(char::is_control) {
            return wrong("oidc.display_name", &format!("expected at most {LONGEST_NAME} characters on one line"));
        }
        let nobody =
            [&self.admin_values, &self.operator_values, &self.readonly_values].iter().all(|all| all.is_empty());
        if nobody && self.default_role == DefaultRole::Refuse {
            return wrong(
                "oidc.admin_values",
                "nobody could log in: no value gives a role, and neither does oidc.default_role",
            );
        }
        if self.password_login == PasswordLogin::Nobody && self.admin_values.is_empty() {
            return wrong("oidc.password_login", "nobody could be an administrator: oidc.admin_values is empty");
        }
        None
    }
}

/// The address of a provider: `https://`, and `http://` on this machine only.
///
/// # Errors
/// What is wrong with it.
pub fn provider_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("\"{text}\" is no address: {error}"))?;
    if !url.has_host() || !matches!(url.scheme(), "http" | "https") {
        return Err(format!("\"{text}\" does not begin with https://"));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(format!("\"{text}\" is not encrypted: http:// is for a provider on this machine only"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("an address of a provider has no user name, no password and no # in it".into());
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;
    use serde_json::{Value, json};

    fn resolved(more: &[(&'static str, Value)]) -> crate::Result<Oidc> {
        let mut flags = vec![
            ("oidc.issuer", json!("https://id.example.org/realms/house")),
            ("oidc.public_url", json!("https://tapes.example.org")),
            ("oidc.client_id", json!("tapes")),
            ("oidc.admin_values", json!(["tape-admins"])),
        ];
        flags.extend(more.iter().cloned());
        Ok(Sources::with(flags)?.resolve(&Default::default())?.oidc)
    }

    #[test]
    fn what_does_not_fit_is_named() {
        assert!(resolved(&[]).unwrap().is_on());
        for (key, value, about) in [
            ("oidc.issuer", json!("http://id.example.org"), "oidc.issuer"),
            ("oidc.issuer", json!("https://a:b@id.example.org"), "oidc.issuer"),
            ("oidc.issuer", json!("ftp://id.example.org"), "oidc.issuer"),
            ("oidc.public_url", json!(""), "oidc.public_url"),
            ("oidc.public_url", json!("https://tapes.example.org/ui"), "oidc.public_url"),
            ("oidc.client_id", json!(""), "oidc.client_id"),
            ("oidc.admin_values", json!([]), "oidc.admin_values"),
            ("oidc.admin_values", json!([" "]), "oidc.admin_values"),
            ("oidc.display_name", json!("a\nb"), "oidc.display_name"),
            ("oidc.default_role", json!("admin"), "oidc.default_role"),
        ] {
            let error = resolved(&[(key, value)]).unwrap_err();
            assert!(error.message.contains(about), "{key}: {error}");
        }
        let alone = [("oidc.admin_values", json!([])), ("oidc.operator_values", json!(["staff"]))];
        assert!(resolved(&alone).is_ok());
        let nobody = [alone.as_slice(), &[("oidc.password_login", json!("nobody"))]].concat();
        assert!(resolved(&nobody).unwrap_err().message.contains("oidc.password_login"));
        let both = [("oidc.client_secret", json!("s3cret-of-ours")), ("oidc.client_secret_file", json!("/x"))];
        let error = resolved(&both).unwrap_err();
        assert!(error.message.contains("oidc.client_secret") && !error.message.contains("s3cret"), "{error}");
    }

    #[test]
    fn without_a_provider_nothing_else_counts() {
        let flags = [("oidc.password_login", json!("nobody"))];
        let oidc = Sources::with(flags).unwrap().resolve(&Default::default()).unwrap().oidc;
        assert_eq!(oidc.password_login(), PasswordLogin::Everybody);
    }

    #[test]
    fn encryption_is_left_out_on_this_machine_only() {
        for good in ["http://127.0.0.1:8080/x", "http://localhost", "http://[::1]:1/", "https://id.example.org"] {
            assert!(provider_url(good).is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1", "http://localhost.example.org", "http://127.0.0.1.example.org", "//x", ""] {
            assert!(provider_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_strongest_role_wins_and_the_default_comes_last() {
        let oidc = resolved(&[("oidc.readonly_values", json!(["staff"]))]).unwrap();
        assert_eq!(oidc.role_of(&["staff", "tape-admins"]), Some(Role::Admin));
        assert_eq!(oidc.role_of(&["staff"]), Some(Role::Readonly));
        assert_eq!(oidc.role_of(&["Tape-Admins", "tape-admins2", ""]), None);
        let oidc = resolved(&[("oidc.default_role", json!("readonly"))]).unwrap();
        assert_eq!(oidc.role_of(&[]), Some(Role::Readonly));
    }

    #[test]
    fn the_secret_is_never_shown() {
        let flags = [("oidc.client_secret", json!("s3cret-of-ours"))];
        let sources = Sources::with(flags).unwrap();
        let shown = sources.show(&Default::default()).unwrap();
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        assert!(!format!("{:?}", sources.resolve(&Default::default()).unwrap()).contains("s3cret"));
    }
}
