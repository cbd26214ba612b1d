//! Who a user is at the OpenID provider: linked by an administrator, never by a name that is the same.

use super::list::{self, UserView};
use crate::auth::Auth;
use crate::db::{Conn, DbPool, identities, users};
use crate::web::{AuditNote, query};
use crate::{Error, Result};
use actix_web::web::{Data, Json, Path};
use actix_web::{delete, put};
use serde::Deserialize;

/// Longest name of a subject (OpenID Connect Core 1.0, section 2).
const LONGEST: usize = 255;

/// Who a user is at the provider.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct LinkUser {
    /// The provider's name for the user (claim `sub`), as it stands in the audit log where a login was refused.
    subject: String,
}

/// Let a user who is here already log in at the OpenID provider. From the next login there the role is the one that the provider gives.
#[utoipa::path(
    tag = "users",
    responses(
        (status = 200, body = UserView),
        (status = 409, description = "The subject, or the user, is linked otherwise (`identity_taken`); no provider is configured (`no_provider`)"),
    )
)]
#[put("/users/{id}/identity")]
pub async fn link_user(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    note: AuditNote,
    id: Path<i32>,
    body: Json<LinkUser>,
) -> Result<Json<UserView>> {
    let subject = body.into_inner().subject.trim().to_owned();
    if subject.is_empty() || subject.len() > LONGEST || subject.chars().any(char::is_control) {
        return Err(Error::bad_request(
            "subject is what the provider calls the user (claim \"sub\"): 1 to 255 characters",
        ));
    }
    note.detail("subject", subject.as_str());
    let none = || Error::conflict("no_provider", "no OpenID provider is configured (oidc.issuer)");
    let issuer = auth.single_sign_on.as_ref().map(|provider| provider.settings.issuer.clone()).ok_or_else(none)?;
    let work = move |conn: &mut Conn| {
        identities::link(conn, *id, &issuer, &subject)?;
        list::view(conn, *id)
    };
    Ok(Json(query(&pool, work).await?))
}

/// The OpenID provider does not let this user in any more. Ends all logins of the user, who needs a password to come back.
#[utoipa::path(
    tag = "users",
    responses((status = 200, body = UserView), (status = 409, description = "The user is not linked (`not_linked`)"))
)]
#[delete("/users/{id}/identity")]
pub async fn unlink_user(pool: Data<DbPool>, id: Path<i32>) -> Result<Json<UserView>> {
    let work = move |conn: &mut Conn| {
        let user = users::find(conn, *id)?;
        match identities::unlink(conn, *id)? {
            true => list::view(conn, *id),
            false => Err(Error::conflict("not_linked", format!("'{}' is not linked with the provider", user.username))),
        }
    };
    Ok(Json(query(&pool, work).await?))
}
