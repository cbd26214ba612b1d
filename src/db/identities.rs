//! What the OpenID provider calls users. Only issuer and subject say who somebody is: names and mail addresses change, and are
//! given to others.

use super::schema::{identities, users};
use super::time::{now, rfc3339};
use super::users::{User, end_logins, find, refuse_last_admin};
use super::{Conn, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// What a provider calls a user.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = identities)]
pub struct ProviderIdentity {
    /// Who.
    #[serde(skip)]
    pub user_id: i32,
    /// Which provider.
    pub issuer: String,
    /// The provider's name for the user, which never changes and is given to nobody else.
    pub subject: String,
    /// Since when.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
}

/// That of a user, if there is one.
pub fn of_user(conn: &mut Conn, user_id: i32) -> Result<Option<ProviderIdentity>> {
    Ok(identities::table.find(user_id).select(ProviderIdentity::as_select()).first(conn).optional()?)
}

/// All.
pub fn list(conn: &mut Conn) -> Result<Vec<ProviderIdentity>> {
    Ok(identities::table.select(ProviderIdentity::as_select()).load(conn)?)
}

/// Whom a provider calls so.
pub fn user(conn: &mut Conn, issuer: &str, subject: &str) -> Result<Option<User>> {
    let row = identities::table.filter(identities::issuer.eq(issuer).and(identities::subject.eq(subject)));
    Ok(row.inner_join(users::table).select(User::as_select()).first(conn).optional()?)
}

/// From now on the provider's `subject` is this user.
///
/// # Errors
/// 404; 409 `identity_taken`: it is another user, or the user is another subject.
pub fn link(conn: &mut Conn, user_id: i32, issuer: &str, subject: &str) -> Result<ProviderIdentity> {
    write_transaction(conn, |conn| {
        let owner = find(conn, user_id)?;
        if let Some(other) = user(conn, issuer, subject)?.filter(|other| other.id != user_id) {
            let message =
                format!("this subject of the provider is the user '{}' already: unlink that one first", other.username);
            return Err(Error::conflict("identity_taken", message));
        }
        if let Some(known) = of_user(conn, user_id)? {
            if (known.issuer.as_str(), known.subject.as_str()) == (issuer, subject) {
                return Ok(known);
            }
            let message = format!("'{}' is another subject of the provider already: unlink it first", owner.username);
            return Err(Error::conflict("identity_taken", message));
        }
        let new =
            ProviderIdentity { user_id, issuer: issuer.to_owned(), subject: subject.to_owned(), created_at: now() };
        Ok(diesel::insert_into(identities::table)
            .values(&new)
            .returning(ProviderIdentity::as_returning())
            .returned(conn)?)
    })
}

/// The provider does not let this user in any more, and all logins of the user end. False: it did not before. Refused for the last
/// administrator, if there is no password to come back with.
pub fn unlink(conn: &mut Conn, user_id: i32) -> Result<bool> {
    write_transaction(conn, |conn| {
        let user = find(conn, user_id)?;
        if !user.has_password() {
            refuse_last_admin(conn, &user)?;
        }
        let gone = diesel::delete(identities::table.find(user_id)).execute(conn)? > 0;
        if gone {
            end_logins(conn, user_id)?;
        }
        Ok(gone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Role, testing, users};

    #[test]
    fn a_subject_is_one_user_and_a_user_is_one_subject() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let ann = users::insert(conn, "ann", "x", Role::Admin).expect("ann").id;
        let bob = users::insert_without_password(conn, "bob", Role::Readonly).expect("bob");
        assert!(!bob.has_password() && users::find(conn, ann).expect("ann").has_password());
        link(conn, ann, "https://id", "1").expect("link");
        link(conn, ann, "https://id", "1").expect("again");
        assert_eq!(link(conn, bob.id, "https://id", "1").expect_err("ann").code, "identity_taken");
        assert_eq!(link(conn, ann, "https://id", "2").expect_err("another").code, "identity_taken");
        assert_eq!(link(conn, 99, "https://id", "3").expect_err("nobody").kind, crate::ErrorKind::NotFound);
        link(conn, bob.id, "https://other", "1").expect("the same subject of another provider");
        assert_eq!(user(conn, "https://id", "1").expect("find").map(|user| user.id), Some(ann));
        assert!(user(conn, "https://id", "2").expect("find").is_none());
        assert!(unlink(conn, ann).expect("unlink") && !unlink(conn, ann).expect("again"));
        users::delete(conn, bob.id).expect("delete");
        let eve = users::insert_without_password(conn, "eve", Role::Admin).expect("eve").id;
        link(conn, eve, "https://id", "4").expect("link");
        users::delete(conn, ann).expect("another administrator is there");
        assert_eq!(unlink(conn, eve).expect_err("no way back").code, "last_admin");
        users::insert(conn, "ann", "x", Role::Admin).expect("ann");
        assert!(unlink(conn, eve).expect("unlink"));
        assert!(list(conn).expect("list").is_empty());
    }
}
