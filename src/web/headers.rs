//! Headers that every answer carries.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;

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
    Ok(response)
}
