//! Headers that every answer carries.

use crate::config::Config;
use crate::tls::Keeper;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

/// The UI loads nothing from elsewhere and is shown in nobody's frame. Styles may stand in the page (Swagger UI and
/// Svelte transitions set them), scripts may not.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";

/// Where the built files of the UI are whose names change with their content.
const LASTING: &str = "/_app/immutable/";

/// The middleware. What a handler set itself stays.
pub async fn secure<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let api = request.path().starts_with("/api/");
    let strict = strict_transport(&request);
    let lasting = request.path().starts_with(LASTING);
    let mut response = next.call(request).await?;
    let found = !response.status().is_client_error() && !response.status().is_server_error();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    let caching = match (api, lasting && found) {
        (true, _) => "no-store",
        (_, true) => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    set(header::CACHE_CONTROL, caching);
    if let Some(strict) = strict.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, strict);
    }
    Ok(response)
}

/// What makes browsers use TLS only, if that is wanted: for connections that are encrypted by us, with a certificate that others
/// vouch for. Behind a proxy it is the proxy's to say.
fn strict_transport(request: &ServiceRequest) -> Option<String> {
    let days = request.app_data::<Data<Config>>()?.server.hsts_days;
    let keeper = request.app_data::<Data<Keeper>>()?;
    let wanted = days > 0 && request.app_config().secure() && !keeper.facts().self_signed;
    wanted.then(|| format!("max-age={}", u64::from(days) * 86_400))
}
