//! Users.

use super::errors::{changed, found, stored};
use super::kinds::Role;
use super::schema::users;
use super::time::{now, rfc3339, rfc3339_option};
use super::{Conn, sessions, write_transaction};
use crate::db::returned::Returned;
use crate::{Error, Result};
use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;

/// A user. The password's hash never leaves the program.
#[derive(Clone, PartialEq, Queryable, Selectable, Identifiable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = users)]
pub struct User {
    /// Its id.
    pub id: i32,
    /// Its name; upper and lower case are the same.
    pub username: String,
    /// bcrypt.
    #[serde(skip)]
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// Raised by every change of password or role: a token made before is dead.
    #[serde(skip)]
    pub token_generation: i32,
    /// When it last logged in.
    #[serde(serialize_with = "rfc3339_option")]
    pub last_login_at: Option<NaiveDateTime>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When its row last changed.
    #[serde(serialize_with = "rfc3339")]
    pub updated_at: NaiveDateTime,
    /// Since when it may not log in; none: it may.
    #[serde(serialize_with = "rfc3339_option")]
    pub disabled_at: Option<NaiveDateTime>,
}

/// What stands in place of a hash for a user who has no password: nothing has this hash.
const NO_PASSWORD: &str = "!";

impl User {
    /// Whether there is a password to log in with.
    pub fn has_password(&self) -> bool {
        self.hash().is_some()
    }

    /// The hash of the password, if there is one.
    pub fn hash(&self) -> Option<&str> {
        Some(self.password_hash.as_str()).filter(|hash| *hash != NO_PASSWORD)
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User {{ id: {}, username: {:?}, role: {} }}", self.id, self.username, self.role)
    }
}

/// The user with this id.
pub fn find(conn: &mut Conn, id: i32) -> Result<User> {
    found(users::table.find(id).select(User::as_select()).first(conn), format_args!("user {id}"))
}

/// The user with this name, whatever its case.
pub fn find_by_name(conn: &mut Conn, username: &str) -> Result<Option<User>> {
    Ok(users::table.filter(users::username.eq(username)).select(User::as_select()).first(conn).optional()?)
}

/// All users by name.
pub fn list(conn: &mut Conn) -> Result<Vec<User>> {
    Ok(users::table.order(users::username).select(User::as_select()).load(conn)?)
}

/// Makes a user.
pub fn insert(conn: &mut Conn, username: &str, password_hash: &str, role: Role) -> Result<User> {
    let time = now();
    let values = (
        users::username.eq(username),
        users::password_hash.eq(password_hash),
        users::role.eq(role),
        users::created_at.eq(time),
        users::updated_at.eq(time),
    );
    let row = diesel::insert_into(users::table).values(values).returning(User::as_returning()).returned(conn);
    stored(row, format_args!("user '{username}'"))
}

/// Makes a user who has no password: the provider lets them in.
pub fn insert_without_password(conn: &mut Conn, username: &str, role: Role) -> Result<User> {
    insert(conn, username, NO_PASSWORD, role)
}

/// Whether a user may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// As always.
    Enabled,
    /// Not for the time being.
    Disabled,
}

/// Lets a user log in, or no more: then tokens made before are dead. Refused for the last administrator.
pub fn set_admission(conn: &mut Conn, id: i32, admission: Admission) -> Result<User> {
    write_transaction(conn, |conn| {
        let user = find(conn, id)?;
        let disabled_at = match admission {
            Admission::Enabled => None,
            Admission::Disabled => {
                refuse_last_admin(conn, &user)?;
                end_logins(conn, id)?;
                user.disabled_at.or(Some(now()))
            }
        };
        Ok(diesel::update(users::table.find(id))
            .set((users::disabled_at.eq(disabled_at), users::updated_at.eq(now())))
            .returning(User::as_returning())
            .returned(conn)?)
    })
}

/// Gives a user a new password; tokens made before are dead.
pub fn set_password(conn: &mut Conn, id: i32, password_hash: &str) -> Result<User> {
    write_transaction(conn, |conn| {
        sessions::end_all(conn, id)?;
        let row = diesel::update(users::table.find(id))
            .set((
                users::password_hash.eq(password_hash),
                users::token_generation.eq(users::token_generation + 1),
                users::updated_at.eq(now()),
            ))
            .returning(User::as_returning())
            .returned(conn);
        found(row, format_args!("user {id}"))
    })
}

/// Gives a user another role; tokens made before are dead. Refused for the last administrator.
pub fn set_role(conn: &mut Conn, id: i32, role: Role) -> Result<User> {
    write_transaction(conn, |conn| {
        let user = find(conn, id)?;
        if role != Role::Admin {
            refuse_last_admin(conn, &user)?;
        }
        sessions::end_all(conn, id)?;
        Ok(diesel::update(users::table.find(id))
            .set((
                users::role.eq(role),
                users::token_generation.eq(users::token_generation + 1),
                users::updated_at.eq(now()),
            ))
            .returning(User::as_returning())
            .returned(conn)?)
    })
}

/// The user has logged in.
pub fn logged_in(conn: &mut Conn, id: i32) -> Result<()> {
    let row = diesel::update(users::table.find(id)).set(users::last_login_at.eq(now()));
    changed(row.execute(conn), format_args!("user {id}"))
}

/// Ends every login of a user: tokens made before are dead.
pub fn end_logins(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        sessions::end_all(conn, id)?;
        let row = diesel::update(users::table.find(id)).set(users::token_generation.eq(users::token_generation + 1));
        changed(row.execute(conn), format_args!("user {id}"))
    })
}

/// Deletes a user; what it did stays in the audit log under its name. Refused for the last administrator.
pub fn delete(conn: &mut Conn, id: i32) -> Result<()> {
    write_transaction(conn, |conn| {
        let user = find(conn, id)?;
        refuse_last_admin(conn, &user)?;
        changed(diesel::delete(users::table.find(id)).execute(conn), format_args!("user {id}"))
    })
}

/// An error if this is the last administrator who may log in.
///
/// # Errors
/// 409 `last_admin`.
pub(super) fn refuse_last_admin(conn: &mut Conn, user: &User) -> Result<()> {
    if user.role != Role::Admin || user.disabled_at.is_some() {
        return Ok(());
    }
    let admins = users::table.filter(users::role.eq(Role::Admin).and(users::disabled_at.is_null()));
    let admins: i64 = admins.count().returned(conn)?;
    if admins > 1 {
        return Ok(());
    }
    let message = format!("'{}' is the last administrator; make another one first", user.username);
    Err(Error::conflict("last_admin", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::testing;

    #[test]
    fn no_hash_leaves_and_tokens_die_with_the_password() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let user = insert(conn, "Anna", "$2b$secret", Role::Admin).expect("insert");
        let json = serde_json::to_string(&user).expect("json");
        assert!(!json.contains("secret") && !format!("{user:?}").contains("secret"), "{json}");
        assert!(find_by_name(conn, "anna").expect("find").is_some(), "case does not matter");
        assert_eq!(insert(conn, "ANNA", "x", Role::Readonly).expect_err("twice").code, "already_exists");
        let after = set_password(conn, user.id, "y").expect("password");
        assert_eq!(after.token_generation, user.token_generation + 1);
        logged_in(conn, user.id).expect("login");
        assert!(find(conn, user.id).expect("find").last_login_at.is_some());
    }

    #[test]
    fn the_last_administrator_stays() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let anna = insert(conn, "anna", "x", Role::Admin).expect("insert").id;
        assert_eq!(delete(conn, anna).expect_err("last").code, "last_admin");
        assert_eq!(set_role(conn, anna, Role::Operator).expect_err("last").code, "last_admin");
        let ben = insert(conn, "ben", "x", Role::Operator).expect("insert").id;
        set_role(conn, ben, Role::Admin).expect("admin");
        set_admission(conn, ben, Admission::Disabled).expect("disable");
        assert_eq!(delete(conn, anna).expect_err("the other one may not log in").code, "last_admin");
        assert_eq!(set_admission(conn, anna, Admission::Disabled).expect_err("last").code, "last_admin");
        set_admission(conn, ben, Admission::Enabled).expect("enable");
        delete(conn, anna).expect("delete");
        assert_eq!(list(conn).expect("list").len(), 1);
    }
}
