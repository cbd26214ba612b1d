//! Which user somebody is whom the provider let in, and whether they may come in here.
//!
//! The provider's subject says who it is, and nothing else. The role is taken anew each time; what guards the last
//! administrator guards it from the provider too.

use crate::auth::second_factor::Required;
use crate::auth::username;
use crate::config::Oidc;
use crate::config::oidc::{CreateUsers, ProviderFactor};
use crate::db::users::{self, User};
use crate::db::{Conn, Role, identities, write_transaction};
use crate::{Error, ErrorKind, Result};

/// What the provider says of somebody.
#[derive(Debug, Clone)]
pub struct Person {
    /// Which provider.
    pub issuer: String,
    /// Who, for ever.
    pub subject: String,
    /// What they are called there, now.
    pub name: Option<String>,
    /// Their role here; none: there is none for them.
    pub role: Option<Role>,
    /// Whether it asked for a second factor.
    pub second_factor: bool,
}

/// Who came in.
#[derive(Debug)]
pub struct Admitted {
    /// The user.
    pub user: User,
    /// The role before, where the provider gave another one.
    pub role_before: Option<Role>,
    /// Whether the user was made just now.
    pub made: bool,
}

/// Lets somebody in whom the provider let in.
///
/// # Errors
/// 403 `no_role`, `unknown_user`, `user_disabled`, `second_factor_needed`, `bad_name`; 409 `name_taken`, `last_admin`.
pub fn admit(conn: &mut Conn, settings: &Oidc, required: &Required, person: &Person) -> Result<Admitted> {
    let known = identities::user(conn, &person.issuer, &person.subject)?;
    if known.as_ref().is_some_and(|user| user.disabled_at.is_some()) {
        return Err(no("user_disabled", "this user was disabled by an administrator of this server"));
    }
    let Some(role) = person.role else {
        // who may do nothing any more does nothing any more
        known.map(|user| users::end_logins(conn, user.id)).transpose()?;
        let message = format!("the claim \"{}\" of the provider gives no role on this server", settings.role_claim);
        return Err(no("no_role", message));
    };
    if required.of(role) && settings.second_factor == ProviderFactor::Told && !person.second_factor {
        let message = "this role needs a second factor (auth.second_factor_roles), and the provider does not say that it asked for one \
                       (claim \"amr\"; oidc.second_factor)";
        return Err(no("second_factor_needed", message));
    }
    write_transaction(conn, |conn| {
        let (user, role_before, made) = match known {
            Some(user) if user.role == role => (user, None, false),
            Some(user) => (users::set_role(conn, user.id, role)?, Some(user.role), false),
            None => (make(conn, settings, person, role)?, None, true),
        };
        users::logged_in(conn, user.id)?;
        Ok(Admitted { user, role_before, made })
    })
}

/// A user at the first login.
fn make(conn: &mut Conn, settings: &Oidc, person: &Person, role: Role) -> Result<User> {
    if settings.create_users == CreateUsers::Off {
        return Err(no(
            "unknown_user",
            "no user of this server is linked with this subject of the provider (oidc.create_users)",
        ));
    }
    let name = person.name.as_deref().unwrap_or_default();
    username::check(name).map_err(|_| {
        let message = format!(
            "the claim \"{}\" of the provider is no user name of 1 to 64 visible characters",
            settings.name_claim
        );
        no("bad_name", message)
    })?;
    if users::find_by_name(conn, name)?.is_some() {
        let message = format!(
            "there is a user '{name}' already, who is not taken over: an administrator can link the two with `tapebackarr user link`, \
             or give that user another name"
        );
        return Err(Error::conflict("name_taken", message));
    }
    let user = users::insert_without_password(conn, name, role)?;
    identities::link(conn, user.id, &person.issuer, &person.subject)?;
    Ok(user)
}

fn no(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Forbidden, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::db::testing;
    use crate::db::users::Admission;
    use serde_json::{Value, json};

    fn settings(more: &[(&'static str, Value)]) -> Oidc {
        let mut flags = vec![
            ("oidc.issuer", json!("https://id.example.org")),
            ("oidc.public_url", json!("https://tapes.example.org")),
            ("oidc.client_id", json!("tapes")),
            ("oidc.admin_values", json!(["admins"])),
        ];
        flags.extend(more.iter().cloned());
        Sources::with(flags).unwrap().resolve(&Default::default()).unwrap().oidc
    }

    fn person(subject: &str, name: &str, role: Option<Role>) -> Person {
        let (issuer, subject, name) = ("https://id.example.org".into(), subject.into(), Some(name.into()));
        Person { issuer, subject, name, role, second_factor: false }
    }

    #[test]
    fn the_subject_says_who_it_is_and_nothing_else() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let free = Required::default();
        let local = users::insert(conn, "ann", "x", Role::Admin).unwrap();
        let settings = settings(&[]);
        let error = admit(conn, &settings, &free, &person("1", "ANN", Some(Role::Admin))).unwrap_err();
        assert_eq!(error.code, "name_taken");
        let bob = admit(conn, &settings, &free, &person("1", "bob", Some(Role::Operator))).unwrap();
        assert!(bob.made && !bob.user.has_password());
        let again = admit(conn, &settings, &free, &person("1", "ann", Some(Role::Readonly))).unwrap();
        assert_eq!(
            (again.user.id, again.user.username.as_str(), again.made),
            (bob.user.id, "bob", false),
            "the name is ours"
        );
        assert_eq!((again.user.role, again.role_before), (Role::Readonly, Some(Role::Operator)));
        let other = admit(conn, &settings, &free, &person("2", "bob", Some(Role::Admin))).unwrap_err();
        assert_eq!(other.code, "name_taken");
        identities::link(conn, local.id, "https://id.example.org", "3").unwrap();
        let linked = admit(conn, &settings, &free, &person("3", "whatever", Some(Role::Admin))).unwrap();
        assert_eq!(linked.user.id, local.id);
    }

    #[test]
    fn who_stays_out() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let free = Required::default();
        let all = settings(&[]);
        let refused = |conn: &mut Conn, settings: &Oidc, required: &Required, person: &Person| {
            admit(conn, settings, required, person).unwrap_err().code
        };
        assert_eq!(refused(conn, &all, &free, &person("1", "ann", None)), "no_role");
        let closed = settings(&[("oidc.create_users", json!("off"))]);
        assert_eq!(refused(conn, &closed, &free, &person("1", "ann", Some(Role::Admin))), "unknown_user");
        for name in ["", " ann", "a\u{7}b", "a\u{202e}nna", &"x".repeat(65)] {
            assert_eq!(refused(conn, &all, &free, &person("1", name, Some(Role::Admin))), "bad_name", "{name:?}");
        }
        let ann = admit(conn, &all, &free, &person("1", "ann", Some(Role::Admin))).unwrap().user;
        assert_eq!(refused(conn, &all, &free, &person("1", "ann", Some(Role::Readonly))), "last_admin");
        assert_eq!(users::find(conn, ann.id).unwrap().role, Role::Admin);
        users::insert(conn, "eve", "x", Role::Admin).unwrap();
        users::set_admission(conn, ann.id, Admission::Disabled).unwrap();
        assert_eq!(refused(conn, &all, &free, &person("1", "ann", Some(Role::Admin))), "user_disabled");
        users::set_admission(conn, ann.id, Admission::Enabled).unwrap();
        let duty = Required::new(&[Role::Admin]);
        let told = Person { second_factor: true, ..person("1", "ann", Some(Role::Admin)) };
        assert_eq!(refused(conn, &all, &duty, &person("1", "ann", Some(Role::Admin))), "second_factor_needed");
        assert!(admit(conn, &all, &duty, &told).is_ok());
        let trusting = settings(&[("oidc.second_factor", json!("trusted"))]);
        assert!(admit(conn, &trusting, &duty, &person("1", "ann", Some(Role::Admin))).is_ok());
    }
}
