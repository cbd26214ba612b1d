//! The gate: every request to the API passes here first and its answer passes here last.
//!
//! In: count it (429 for a flood), drop a trailing slash, look the route up in the permission table (what is not there does not
//! exist), find out who is asking, compare roles, be patient with its body for so long. Out: tell whoever looks what was changed, write the audit line. The path that is judged is the very string that the router
//! matches, so no spelling of a path can be judged as one route and served as another.

use super::audit::{AuditNote, End};
use super::errors::nothing_at;
use super::{ClientAddress, news, query, session_cookie, slow_bodies};
use crate::auth::permissions::{self, Access, Answer, Carrier, METRICS, Route, Trace};
use crate::auth::{Auth, Credential, Identity, api_key, unauthorized};
use crate::config::Config;
use crate::db::audit::NewAuditEntry;
use crate::db::{Conn, DbPool, audit};
use crate::events::Bus;
use crate::{Error, ErrorKind, Result};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, Uri, header, uri::PathAndQuery};
use actix_web::middleware::Next;
use actix_web::web::{Data, Query};
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, ResponseError};
use serde::Deserialize;
use std::future::{Ready, ready};

/// The middleware.
pub async fn gate<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let address = ClientAddress::of(request.request()).0;
    let auth = request.app_data::<Data<Auth>>().cloned();
    if let Some(Err(error)) = auth.as_ref().zip(address).map(|(auth, address)| auth.limits.address(address)) {
        return Ok(refuse(request, &error));
    }
    drop_trailing_slash(&mut request);
    let path = request.match_info().as_str().to_owned();
    let route = match permissions::find(request.method().as_str(), &path) {
        Answer::Route(route) => route,
        Answer::Nothing => return Ok(refuse(request, &nothing_at(&path))),
        Answer::OtherMethods(methods) => return Ok(request.into_response(other_methods(&path, &methods))),
    };
    let note = AuditNote::default();
    request.extensions_mut().insert(note.clone());

    let open = is_open(&request, route);
    let identity = match open {
        true => Ok(None),
        false => identify(&request, route).await,
    };
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => return Ok(refuse(request, &error)),
    };
    if let Some(Err(error)) = auth.as_ref().zip(identity.as_ref()).map(|(auth, who)| auth.limits.caller(who)) {
        return Ok(refuse(request, &error));
    }
    let allowed = open || route.access.allows(identity.as_ref().map(|identity| identity.role));
    let pool = request.app_data::<Data<DbPool>>().cloned();
    let bus = request.app_data::<Data<Bus>>().cloned();
    let (response, end) = if allowed {
        if let Some(identity) = identity.clone() {
            request.extensions_mut().insert(identity);
        }
        if let Some(patience) = request.app_data::<Data<Config>>().map(|config| config.server.client_timeout()) {
            slow_bodies::limit(&mut request, patience);
        }
        let response = next.call(request).await?;
        let code = response.response().error().and_then(|error| error.as_error::<Error>()).map(|error| error.code);
        let end = note.end().unwrap_or(End { status: response.status(), code });
        (response.map_into_boxed_body(), end)
    } else {
        let error = forbidden(route, identity.as_ref());
        let end = End { status: error.status_code(), code: Some(error.code) };
        (refuse(request, &error), end)
    };
    if let Some(bus) = bus {
        news::tell(&bus, route, &path, end.status);
    }
    let worth_a_line = match identity {
        Some(_) => route.trace == Trace::Audited || !allowed,
        None => route.trace == Trace::Audited && is_worth_a_line_of_nobody(end.status),
    };
    if worth_a_line {
        write_down(pool, note.line(route, &path, identity.as_ref(), address, end)).await;
    }
    Ok(response)
}

fn refuse(request: ServiceRequest, error: &Error) -> ServiceResponse<BoxBody> {
    request.into_response(error.error_response())
}

/// Collection roots answer with and without a slash at the end.
fn drop_trailing_slash(request: &mut ServiceRequest) {
    let path = request.uri().path();
    let Some(shorter) = path.strip_suffix('/').filter(|shorter| !shorter.is_empty()) else { return };
    let text = match request.uri().query() {
        Some(query) => format!("{shorter}?{query}"),
        None => shorter.to_owned(),
    };
    let Ok(path_and_query) = PathAndQuery::try_from(text) else { return };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
    }
}

/// Whether the page of metrics needs no login because of where the request comes from, without any doubt.
fn is_open(request: &ServiceRequest, route: &Route) -> bool {
    let config = request.app_data::<Data<Config>>();
    let networks = config.filter(|_| route.pattern == METRICS).map(|config| &config.metrics.networks);
    let address = ClientAddress::undoubted(request.request());
    networks.zip(address).is_some_and(|(networks, address)| networks.iter().any(|network| network.contains(&address)))
}

/// Who is asking. Nobody, on public routes, whatever they present.
async fn identify(request: &ServiceRequest, route: &Route) -> Result<Option<Identity>> {
    if route.access == Access::Public {
        return Ok(None);
    }
    let credential =
        credential(request, route)?.ok_or_else(|| unauthorized("missing_authorization", "missing authorization"))?;
    request.extensions_mut().insert(credential.clone());
    let data = (request.app_data::<Data<Auth>>().cloned(), request.app_data::<Data<DbPool>>());
    let (Some(auth), Some(pool)) = data else {
        return Err(Error::internal("the server was built without its permission check"));
    };
    // what belongs to one's own login is open, or nobody could set up the second factor that is missing
    let own = route.pattern.starts_with("/api/v1/auth/");
    let identify = move |conn: &mut Conn| {
        let identity = auth.identify(conn, &credential)?;
        if !own {
            auth.required.check(conn, &identity)?;
        }
        Ok(identity)
    };
    query(pool, identify).await.map(Some)
}

#[derive(Deserialize)]
struct TokenQuery {
    token: Option<String>,
}

/// What the request presents, the strongest first. A header that is there but wrong is not passed over.
fn credential(request: &ServiceRequest, route: &Route) -> Result<Option<Credential>> {
    if let Some(value) = request.headers().get("x-api-key") {
        let key = value.to_str().map_err(|_| unauthorized("invalid_api_key", "invalid API key"))?;
        return Ok(Some(Credential::ApiKey(key.to_owned())));
    }
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| unauthorized("invalid_token", "invalid token"))?;
        // programs such as Prometheus know this header alone
        return Ok(Some(match token.trim() {
            key if key.starts_with(api_key::PREFIX) => Credential::ApiKey(key.to_owned()),
            token => Credential::Token(token.to_owned()),
        }));
    }
    if let Some(config) = request.app_data::<Data<Config>>()
        && let Some(token) = session_cookie::token(request.request(), config)?
    {
        return Ok(Some(Credential::Token(token)));
    }
    if route.carrier == Carrier::HeaderOrQuery
        && let Ok(query) = Query::<TokenQuery>::from_query(request.query_string())
    {
        return Ok(query.into_inner().token.map(Credential::Token));
    }
    Ok(None)
}

/// Of those without a login only what was done, and real attempts to get in, whose number the throttle limits: nobody may
/// fill the log from outside.
fn is_worth_a_line_of_nobody(status: StatusCode) -> bool {
    status.is_success() || status.is_redirection() || status == StatusCode::UNAUTHORIZED
}

fn forbidden(route: &Route, identity: Option<&Identity>) -> Error {
    let message = match route.access {
        Access::Least(crate::db::Role::Admin) => "admin access required".to_owned(),
        Access::Least(role) => format!("{role} access required"),
        Access::Public => "not allowed".to_owned(),
    };
    let role = identity.map(|identity| identity.role);
    Error::new(ErrorKind::Forbidden, "forbidden", message).with_details(serde_json::json!({"your_role": role}))
}

fn other_methods(path: &str, methods: &[&str]) -> HttpResponse {
    let allowed = methods.join(", ");
    let body = serde_json::json!({
        "error": format!("{path} does not know this method; it knows {allowed}"),
        "code": "method_not_allowed",
    });
    HttpResponse::build(StatusCode::METHOD_NOT_ALLOWED).insert_header((header::ALLOW, allowed)).json(body)
}

async fn write_down(pool: Option<Data<DbPool>>, line: NewAuditEntry) {
    let Some(pool) = pool else { return };
    let copy = line.clone();
    if let Err(error) = query(&pool, move |conn| audit::insert(conn, &line)).await {
        tracing::error!(%error, line = ?copy, "cannot write the audit log; the line is only here");
    }
}

/// Who is asking: on every route that is not public.
impl FromRequest for Identity {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let identity = request.extensions().get::<Identity>().cloned();
        ready(identity.ok_or_else(|| unauthorized("missing_authorization", "missing authorization")))
    }
}

/// What they presented: for what lives longer than a request and must ask again.
impl FromRequest for Credential {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let credential = request.extensions().get::<Credential>().cloned();
        ready(credential.ok_or_else(|| unauthorized("missing_authorization", "missing authorization")))
    }
}
