//! Logins: which there are, and when they were used last.

use super::errors::changed;
use super::schema::sessions;
use super::time::{now, rfc3339};
use super::{Conn, write_transaction};
use crate::Result;
use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;
use serde::Serialize;

/// Of each user so many; the one that was not used for the longest time ends first.
const MOST: i64 = 100;
/// The use is noted no more often than this.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// A login.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, Serialize, utoipa::ToSchema)]
#[diesel(table_name = sessions)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Whose.
    pub user_id: i32,
    /// What the browser or program calls itself.
    pub client: String,
    /// From where it was made.
    pub ip_address: Option<String>,
    /// When it was made.
    #[serde(serialize_with = "rfc3339")]
    pub created_at: NaiveDateTime,
    /// When it was last used, to the minute.
    #[serde(serialize_with = "rfc3339")]
    pub last_used_at: NaiveDateTime,
    /// When it ends, however much it is used.
    #[serde(serialize_with = "rfc3339")]
    pub expires_at: NaiveDateTime,
    /// Whether the OpenID provider let them in, and not a password.
    pub by_provider: bool,
}

/// Stores a new login; those that are over are deleted.
pub fn insert(conn: &mut Conn, new: &Session) -> Result<()> {
    write_transaction(conn, |conn| {
        diesel::delete(sessions::table.filter(sessions::expires_at.le(now()))).execute(conn)?;
        diesel::insert_into(sessions::table).values(new).execute(conn)?;
        let mine = sessions::table.filter(sessions::user_id.eq(new.user_id));
        let oldest = mine.order((sessions::last_used_at.desc(), sessions::created_at.desc())).offset(MOST).limit(MOST);
        let beyond: Vec<String> = oldest.select(sessions::id).load(conn)?;
        diesel::delete(sessions::table.filter(sessions::id.eq_any(beyond))).execute(conn)?;
        Ok(())
    })
}

/// The login with this id, if there is one.
pub fn find(conn: &mut Conn, id: &str) -> Result<Option<Session>> {
    Ok(sessions::table.find(id).select(Session::as_select()).first(conn).optional()?)
}

/// Notes the use of a login, at most once a minute.
pub fn used(conn: &mut Conn, session: &Session) -> Result<()> {
    let time = now();
    if time - session.last_used_at >= NOTED_EVERY {
        diesel::update(sessions::table.find(&session.id)).set(sessions::last_used_at.eq(time)).execute(conn)?;
    }
    Ok(())
}

/// The logins of a user that are good, the last used first. `idle`: those not used for so long are over; none: no matter.
pub fn of_user(conn: &mut Conn, user_id: i32, idle: Option<TimeDelta>) -> Result<Vec<Session>> {
    let time = now();
    let mut query = sessions::table
        .filter(sessions::user_id.eq(user_id).and(sessions::expires_at.gt(time)))
        .order((sessions::last_used_at.desc(), sessions::created_at.desc()))
        .select(Session::as_select())
        .into_boxed();
    if let Some(since) = idle.and_then(|idle| time.checked_sub_signed(idle)) {
        query = query.filter(sessions::last_used_at.gt(since));
    }
    Ok(query.load(conn)?)
}

/// Ends a login of a user.
pub fn end(conn: &mut Conn, user_id: i32, id: &str) -> Result<()> {
    let row = sessions::table.filter(sessions::id.eq(id).and(sessions::user_id.eq(user_id)));
    changed(diesel::delete(row).execute(conn), format_args!("session {id}"))
}

/// Ends all logins of a user but this one.
pub fn end_others(conn: &mut Conn, user_id: i32, id: Option<&str>) -> Result<()> {
    let others = sessions::table.filter(sessions::user_id.eq(user_id).and(sessions::id.ne(id.unwrap_or_default())));
    diesel::delete(others).execute(conn)?;
    Ok(())
}

/// Ends all logins of a user.
pub fn end_all(conn: &mut Conn, user_id: i32) -> Result<()> {
    diesel::delete(sessions::table.filter(sessions::user_id.eq(user_id))).execute(conn)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Role, testing, users};

    fn session(user_id: i32, number: i64) -> Session {
        let time = now() - TimeDelta::minutes(number);
        Session {
            id: format!("s{number}"),
            user_id,
            client: "test".into(),
            ip_address: None,
            created_at: time,
            last_used_at: time,
            expires_at: time + TimeDelta::minutes(150),
            by_provider: false,
        }
    }

    #[test]
    fn sessions_end_by_time_by_number_and_with_their_user() {
        let db = testing::database();
        let conn = &mut *db.conn();
        let ann = users::insert(conn, "ann", "x", Role::Admin).expect("ann").id;
        let bob = users::insert(conn, "bob", "x", Role::Readonly).expect("bob").id;
        insert(conn, &session(bob, 1)).expect("insert");
        for number in (2..170).rev() {
            insert(conn, &session(ann, number)).expect("insert");
        }
        let all = of_user(conn, ann, None).expect("list");
        assert_eq!((all.len(), all[0].id.as_str(), all[99].id.as_str()), (100, "s2", "s101"));
        assert_eq!(of_user(conn, ann, Some(TimeDelta::minutes(12))).expect("list").len(), 10);
        assert!(find(conn, "s160").expect("find").is_none(), "it was over");
        assert!(end(conn, ann, "s1").is_err(), "it is bob's");
        end(conn, bob, "s1").expect("end");
        used(conn, &all[5]).expect("used");
        assert_eq!(of_user(conn, ann, None).expect("list")[0].id, all[5].id);
        insert(conn, &session(bob, 1)).expect("insert");
        users::delete(conn, bob).expect("delete");
        assert!(find(conn, "s1").expect("find").is_none());
    }
}
