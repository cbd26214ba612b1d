//! One's own second factor, and taking that of others away for administrators.

use crate::auth::second_factor::Proof;
use crate::auth::{Auth, Identity};
use crate::db::{DbPool, second_factors, time, users};
use crate::keys::KeyStore;
use crate::web::responses::Status;
use crate::web::{AuditNote, ClientAddress, query};
use crate::{Error, Result};
use actix_web::web::{Data, Json, Path};
use actix_web::{delete, get, post};
use chrono::NaiveDateTime;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::{Deserialize, Serialize};

/// Dots of a picture that an app reads, wide and high.
const PICTURE: u32 = 240;

/// How it stands with one's own second factor.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SecondFactorState {
    /// Whether a code is asked for beside the password.
    enabled: bool,
    /// Whether one's role must have one.
    required: bool,
    /// Since when, UTC.
    #[serde(serialize_with = "time::rfc3339_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    enabled_at: Option<NaiveDateTime>,
    /// Recovery codes that were not used yet.
    recovery_codes_left: i64,
}

/// One's password.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct BeginSecondFactor {
    password: String,
}

/// For the app; shown once.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SecondFactorEnrolment {
    /// To be typed into the app, if it cannot read the picture.
    secret: String,
    /// What the picture says: `otpauth://totp/…`.
    uri: String,
    /// The picture (QR code) as SVG.
    qr_svg: String,
}

/// A code of the app.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct ConfirmSecondFactor {
    code: String,
}

/// Password and code of who asks.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct ProveSecondFactor {
    password: String,
    /// A code of the app, or a recovery code.
    code: String,
}

/// Codes to be kept on paper; shown once. Each opens the door once.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RecoveryCodes {
    recovery_codes: Vec<String>,
}

fn own_id(identity: &Identity) -> Result<i32> {
    identity.user_id().ok_or_else(|| Error::bad_request("an API key has no second factor"))
}

/// How it stands with my second factor.
#[utoipa::path(tag = "auth", responses((status = 200, body = SecondFactorState)))]
#[get("/auth/second-factor")]
pub async fn second_factor_state(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    identity: Identity,
) -> Result<Json<SecondFactorState>> {
    let (id, required) = (own_id(&identity)?, auth.required.of(identity.role));
    let work = move |conn: &mut _| {
        let enabled_at = second_factors::confirmed(conn, id)?.and_then(|factor| factor.confirmed_at);
        let recovery_codes_left = second_factors::codes_left(conn, id)?;
        Ok(SecondFactorState { enabled: enabled_at.is_some(), required, enabled_at, recovery_codes_left })
    };
    Ok(Json(query(&pool, work).await?))
}

/// Begin to set up a second factor: a new secret for an app that shows codes. It is asked for once it is confirmed.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = SecondFactorEnrolment),
        (status = 401, description = "The password is wrong"),
        (status = 409, description = "There is one already"),
    )
)]
#[post("/auth/second-factor")]
pub async fn begin_second_factor(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    keys: Data<KeyStore>,
    identity: Identity,
    address: ClientAddress,
    body: Json<BeginSecondFactor>,
) -> Result<Json<SecondFactorEnrolment>> {
    let id = own_id(&identity)?;
    let work = move |conn: &mut _| auth.enrol(conn, &keys, id, &body.password, address.0);
    let enrolment = query(&pool, work).await?;
    let picture = QrCode::with_error_correction_level(enrolment.uri.as_bytes(), EcLevel::M)
        .map_err(|error| Error::internal(format!("cannot draw the code for the app: {error}")))?;
    let qr_svg = picture.render::<svg::Color>().min_dimensions(PICTURE, PICTURE).build();
    let (secret, uri) = (enrolment.secret.to_string(), enrolment.uri.to_string());
    Ok(Json(SecondFactorEnrolment { secret, uri, qr_svg }))
}

/// Confirm the second factor with a code of the app. From then on a code is asked for at every login; other logins end. The answer
/// is the recovery codes, which are shown only now.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = RecoveryCodes),
        (status = 401, description = "The code is wrong (`totp_wrong`)"),
        (status = 409, description = "No second factor waits to be confirmed"),
        (status = 429, description = "Too many wrong codes"),
    )
)]
#[post("/auth/second-factor/confirm")]
pub async fn confirm_second_factor(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    keys: Data<KeyStore>,
    identity: Identity,
    address: ClientAddress,
    body: Json<ConfirmSecondFactor>,
) -> Result<Json<RecoveryCodes>> {
    let id = own_id(&identity)?;
    let session = identity.session;
    let work =
        move |conn: &mut _| auth.confirm_second_factor(conn, &keys, id, &body.code, session.as_deref(), address.0);
    Ok(Json(RecoveryCodes { recovery_codes: query(&pool, work).await? }))
}

/// New recovery codes; the old ones open nothing any more.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = RecoveryCodes),
        (status = 401, description = "Password (`wrong_password`) or code (`totp_wrong`) is wrong"),
        (status = 409, description = "There is no second factor"),
    )
)]
#[post("/auth/second-factor/recovery-codes")]
pub async fn new_recovery_codes(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    keys: Data<KeyStore>,
    identity: Identity,
    address: ClientAddress,
    body: Json<ProveSecondFactor>,
) -> Result<Json<RecoveryCodes>> {
    let (id, proof) = (own_id(&identity)?, proof(body));
    let work = move |conn: &mut _| auth.new_recovery_codes(conn, &keys, id, &proof, address.0);
    Ok(Json(RecoveryCodes { recovery_codes: query(&pool, work).await? }))
}

/// Switch my second factor off.
#[utoipa::path(
    tag = "auth",
    responses(
        (status = 200, body = Status),
        (status = 401, description = "Password (`wrong_password`) or code (`totp_wrong`) is wrong"),
        (status = 409, description = "There is no second factor"),
    )
)]
#[post("/auth/second-factor/disable")]
pub async fn disable_second_factor(
    pool: Data<DbPool>,
    auth: Data<Auth>,
    keys: Data<KeyStore>,
    identity: Identity,
    address: ClientAddress,
    body: Json<ProveSecondFactor>,
) -> Result<Json<Status>> {
    let (id, proof) = (own_id(&identity)?, proof(body));
    query(&pool, move |conn| auth.disable_second_factor(conn, &keys, id, &proof, address.0)).await?;
    Ok(Json(Status::new("disabled")))
}

fn proof(body: Json<ProveSecondFactor>) -> Proof {
    let ProveSecondFactor { password, code } = body.into_inner();
    Proof { password, code: Some(code) }
}

/// Take the second factor of another user away, who has lost it. Ends every login of the user. One's own is switched off with
/// password and code.
#[utoipa::path(
    tag = "users",
    responses((status = 200, body = Status), (status = 404, description = "No such user, or no second factor"))
)]
#[delete("/users/{id}/second-factor")]
pub async fn reset_second_factor(
    pool: Data<DbPool>,
    identity: Identity,
    note: AuditNote,
    id: Path<i32>,
) -> Result<Json<Status>> {
    if identity.user_id() == Some(*id) {
        return Err(Error::bad_request("switch off your own second factor with your password and a code"));
    }
    let work = move |conn: &mut _| {
        let user = users::find(conn, *id)?;
        if !second_factors::remove(conn, user.id)? {
            return Err(Error::not_found(format!("a second factor of '{}'", user.username)));
        }
        users::end_logins(conn, user.id)?;
        Ok(user.username)
    };
    let username = query(&pool, work).await?;
    note.detail("username", username);
    Ok(Json(Status::new("reset")))
}
