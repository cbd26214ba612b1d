//! Logging in at an OpenID provider.
//!
//! The browser comes back from another site. So the cookie by which it is known is `SameSite=Lax`, good for these two paths and ten
//! minutes, and worth nothing else. The cookie of the login is `SameSite=Strict`: it is set with the answer that leads to our own
//! page, and what that page asks carries it. What went wrong is a word in the address of the login page, never a text from elsewhere.

use super::device;
use crate::auth::oidc::{self, Admitted, CALLBACK, PATIENCE, Return, START, SingleSignOn};
use crate::auth::throttle::network_of;
use crate::auth::token::By;
use crate::auth::{Auth, login};
use crate::config::Config;
use crate::db::DbPool;
use crate::events::Bus;
use crate::web::{AuditNote, ClientAddress, query, session_cookie};
use crate::{Error, ErrorKind, Result};
use actix_web::http::header;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where people may log in, beside here.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ProviderView {
    /// Its name for people.
    name: String,
    /// Where a browser goes to log in; `?to=/pools` is the page to come back to.
    start: String,
}

/// Where people may log in, beside here: none, or one.
#[utoipa::path(tag = "auth", responses((status = 200, body = Vec<ProviderView>)))]
#[get("/auth/providers")]
pub async fn list_providers(auth: Data<Auth>) -> Json<Vec<ProviderView>> {
    let view = |provider: &SingleSignOn| ProviderView {
        name: provider.settings.display_name.clone(),
        start: provider.address(START),
    };
    Json(auth.single_sign_on.iter().map(view).collect())
}

/// Where to go afterwards.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Start {
    /// A page of this server: `/pools`. Anything else is the first page.
    to: Option<String>,
}

/// Begin a login at the OpenID provider: for browsers, which are sent there.
#[utoipa::path(
    tag = "auth",
    params(Start),
    responses(
        (status = 302, description = "To the provider; or to the login page, with the reason as `refused`"),
        (status = 404, description = "No provider is configured"),
    )
)]
#[get("/auth/oidc/start")]
pub async fn start_provider_login(
    auth: Data<Auth>,
    config: Data<Config>,
    address: ClientAddress,
    wanted: Query<Start>,
) -> Result<HttpResponse> {
    let provider = configured(&auth)?;
    let wanted = wanted.into_inner().to.unwrap_or_default();
    let to = oidc::page(&wanted);
    Ok(match provider.begin(to, address.0).await {
        Ok(departure) => HttpResponse::Found()
            .insert_header((header::LOCATION, departure.url.as_str()))
            .insert_header(browser_cookie(&config, provider, &departure.browser))
            .finish(),
        Err(error) => {
            tracing::warn!("nobody can log in at the provider: {error}");
            HttpResponse::Found().insert_header((header::LOCATION, login_page(error.code, to))).finish()
        }
    })
}

/// The provider sends the browser back: its answer is checked, and the login begins.
#[utoipa::path(
    tag = "auth",
    params(
        ("state" = Option<String>, Query, description = "Which login"),
        ("code" = Option<String>, Query, description = "What the provider gives a token for"),
        ("error" = Option<String>, Query, description = "Why there is none"),
        ("iss" = Option<String>, Query, description = "Who the provider is"),
    ),
    responses(
        (status = 303, description = "To the page that was wanted, logged in (cookie); or to the login page, with the reason as `refused`"),
        (status = 404, description = "No provider is configured"),
    )
)]
#[get("/auth/oidc/callback")]
pub async fn finish_provider_login(
    (auth, config, pool, bus): (Data<Auth>, Data<Config>, Data<DbPool>, Data<Bus>),
    address: ClientAddress,
    note: AuditNote,
    request: HttpRequest,
) -> Result<HttpResponse> {
    let provider = configured(&auth)?;
    note.action("login-by-provider");
    // as a name, so that it locks nobody out who has a password
    let from = format!("single sign-on from {:?}", address.0.map(network_of));
    let mut to = "/".to_owned();
    let ended = match auth.throttle.attempt(&from, None).map_err(login::too_many) {
        Err(error) => Err(error),
        Ok(attempt) => {
            let ended = come_back((&auth, provider), &pool, &bus, &note, &request, &mut to).await;
            match &ended {
                Ok(_) => attempt.succeeded(),
                // nobody's fault who is here
                Err(error) if error.kind == ErrorKind::Unavailable => attempt.withdraw(),
                Err(_) => {}
            }
            ended
        }
    };
    let mut response = HttpResponse::SeeOther();
    response.insert_header(session_cookie::lax(&browser_name(&config), "", oidc_path(), 0, provider.is_encrypted()));
    match ended {
        Ok(token) => {
            response.append_header(session_cookie::set(&request, &config, &token, auth.tokens.life_seconds()));
            response.insert_header((header::LOCATION, page("/login", &[("by", "provider"), ("to", &to)])));
        }
        Err(error) => {
            note.refused(&error);
            tracing::warn!("a login at the provider was refused ({}): {error}", error.code);
            response.insert_header((header::LOCATION, login_page(error.code, &to)));
        }
    }
    Ok(response.finish())
}

/// Who came back, and lets them in. `to` becomes the page that was wanted, as soon as that is known.
async fn come_back(
    (auth, provider): (&Data<Auth>, &SingleSignOn),
    pool: &Data<DbPool>,
    bus: &Bus,
    note: &AuditNote,
    request: &HttpRequest,
    to: &mut String,
) -> Result<String> {
    let answer = Query::<Return>::from_query(request.query_string()).map(Query::into_inner).unwrap_or_default();
    let config = request.app_data::<Data<Config>>().ok_or_else(|| Error::internal("the server has no settings"))?;
    let browser = session_cookie::value(request, &browser_name(config));
    let waiting = provider.back(&answer, browser.as_deref())?;
    to.clone_from(&waiting.to);
    let person = provider.identify(&answer, &waiting).await?;
    note.username(&oidc::plain(person.name.as_deref().unwrap_or_default()));
    note.detail("subject", person.subject.as_str());
    let (shared, settings, device) = (auth.clone(), provider.settings.clone(), device(request));
    let work = move |conn: &mut _| {
        let admitted = oidc::admit::admit(conn, &settings, &shared.required, &person)?;
        let token = shared.tokens.log_in(conn, &admitted.user, device, By::Provider)?;
        Ok((admitted, token))
    };
    let (Admitted { user, role_before, made }, token) = query(pool, work).await?;
    note.id(user.id).username(&user.username);
    note.detail("role", user.role.as_str());
    if let Some(before) = role_before {
        note.detail("role_before", before.as_str());
    }
    if made {
        note.detail("created", true);
    }
    if made || role_before.is_some() {
        bus.transient("user", json!({"id": user.id}));
    }
    Ok(token)
}

fn configured(auth: &Auth) -> Result<&SingleSignOn> {
    auth.single_sign_on.as_ref().ok_or_else(|| Error::not_found("an OpenID provider (oidc.issuer)"))
}

/// The login page, which says why it is seen.
fn login_page(code: &str, to: &str) -> String {
    page("/login", &[("refused", code), ("to", to)])
}

fn page(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(name, value)| !(*name == "to" && matches!(*value, "" | "/")));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}?{query}")
}

fn browser_name(config: &Config) -> String {
    format!("{}_provider", session_cookie::name(config))
}

fn browser_cookie(config: &Config, provider: &SingleSignOn, value: &str) -> (header::HeaderName, String) {
    session_cookie::lax(&browser_name(config), value, oidc_path(), PATIENCE.as_secs(), provider.is_encrypted())
}

/// What is in common to where a login begins and ends.
fn oidc_path() -> &'static str {
    CALLBACK.trim_end_matches("/callback")
}
