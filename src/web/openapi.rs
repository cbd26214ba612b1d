//! The description of the API (OpenAPI 3.1, made from the code) and its viewer, which needs no network.

use super::errors::ErrorBody;
use super::routes::{self, Routes};
use crate::executions::throughput::ThroughputNews;
use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::web::{Redirect, ServiceConfig};
use actix_web::{HttpResponse, get, web};
use std::sync::LazyLock;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{OpenApi, PathItem, RefOr};
use utoipa_swagger_ui::{Config, SwaggerUi};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "TapeBackarr",
        description = "Tape backup: files to LTO tape and back. Log in with `POST /api/v1/auth/login` and send \
            `Authorization: Bearer <token>`, or send an API key as `X-API-Key`. Failures are \
            `{\"error\": \"message\", \"code\": \"stable_word\", \"details\": {}}`. Long work answers 202 with an \
            `execution_id`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(ErrorBody, ThroughputNews))
)]
struct Frame;

/// The whole description.
pub fn openapi() -> OpenApi {
    let mut api = Frame::openapi();
    let (paths, schemas) = routes::all().describe();
    api.paths = paths;
    let components = api.components.get_or_insert_default();
    components.schemas.extend(schemas);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("login", SecurityScheme::Http(bearer));
    let key = ApiKey::Header(ApiKeyValue::new("X-API-Key"));
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    for (path, item) in &mut api.paths.paths {
        describe_access(path, item);
    }
    api
}

/// Adds to each operation what the permission table says.
fn describe_access(path: &str, item: &mut PathItem) {
    use crate::auth::permissions::{Access, Answer, find};
    let operations =
        [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
    for (method, operation) in operations {
        let Some(operation) = operation else { continue };
        let Answer::Route(route) = find(method, path) else { continue };
        let words = match route.access {
            Access::Public => {
                operation.security = Some(Vec::new());
                "Needs no login.".to_owned()
            }
            Access::Least(role) => {
                let none: [String; 0] = [];
                operation.security = Some(vec![
                    SecurityRequirement::new("login", none.clone()),
                    SecurityRequirement::new("api_key", none),
                ]);
                format!("Least role: {role}.")
            }
        };
        let description = operation.description.take().unwrap_or_default();
        operation.description = Some(format!("{description}\n\n{words}").trim().to_owned());
        describe_answers(operation);
    }
}

/// OpenAPI wants words for every answer; where the code gives none, those of the status say enough.
fn describe_answers(operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && answer.description.is_empty()
        {
            let status = status.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok());
            answer.description = status.and_then(|status| status.canonical_reason()).unwrap_or("Answer").to_owned();
        }
    }
}

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(openapi_json)
}

/// This description.
#[utoipa::path(tag = "system", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
#[get("/openapi.json")]
async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(DESCRIPTION.as_str())
}

/// Made once: anybody may ask for it.
static DESCRIPTION: LazyLock<String> = LazyLock::new(|| serde_json::to_string(&openapi()).unwrap_or_default());

pub(super) fn configure(config: &mut ServiceConfig) {
    let viewer = SwaggerUi::new("/api/docs/{_:.*}").config(Config::new([format!("{}/openapi.json", routes::BASE)]));
    let to_viewer = web::to(|| async { Redirect::to("/api/docs/").see_other() });
    config.route("/api/docs", to_viewer).service(viewer);
}
