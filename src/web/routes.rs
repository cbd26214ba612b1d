//! Collecting the routes: the same list registers them and describes them, so neither can lack what the other has.

use crate::auth::permissions::specificity;
use actix_web::dev::HttpServiceFactory;
use actix_web::web::ServiceConfig;
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::{Paths, RefOr, Schema};

/// What every route of the API begins with.
pub const BASE: &str = "/api/v1";

/// Every route of the API.
pub fn all() -> Routes {
    [
        super::health::routes,
        super::auth::routes,
        super::users::routes,
        super::api_keys::routes,
        super::encryption_keys::routes,
        super::settings::routes,
        super::events::routes,
        super::logs::routes,
        super::docs::routes,
        super::about::routes,
        super::openapi::routes,
        super::dashboard::routes,
        super::tapes::routes,
        super::pools::routes,
        super::drives::routes,
        super::libraries::routes,
        super::sources::routes,
        super::jobs::routes,
        super::executions::routes,
        super::tape_changes::routes,
        super::sets::routes,
        super::catalog::routes,
        super::coverage::routes,
        super::restore::routes,
        super::database_backup::routes,
        super::import::routes,
        super::retention::routes,
        super::maintenance::routes,
        super::scrub::routes,
        super::drills::routes,
        super::notifications::routes,
    ]
    .into_iter()
    .fold(Routes::default(), |routes, add| add(routes))
}

type Register = Box<dyn FnOnce(&mut ServiceConfig)>;

/// A list of routes under construction.
#[derive(Default)]
pub struct Routes {
    endpoints: Vec<(String, Register)>,
    paths: Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
    listed: Vec<(String, String)>,
}

impl Routes {
    /// The same with a handler that carries `#[utoipa::path]` and `#[get("/…")]` (or `post`, …).
    // The `__dev` traits of utoipa are what its own `OpenApi` derive uses; there is no other way to ask a handler.
    #[allow(clippy::should_implement_trait)] // It collects; nobody takes it for a sum.
    pub fn add<E>(mut self, endpoint: E) -> Self
    where
        E: HttpServiceFactory + utoipa::Path + utoipa::__dev::SchemaReferences + 'static,
        E: for<'t> utoipa::__dev::Tags<'t>,
    {
        let pattern = E::path();
        let full = format!("{BASE}{pattern}");
        for method in E::methods() {
            let mut operation = E::operation();
            operation.tags.get_or_insert_default().extend(E::tags().into_iter().map(str::to_owned));
            self.listed.push((word(&method).to_owned(), full.clone()));
            self.paths.add_path_operation(full.clone(), vec![method], operation);
        }
        E::schemas(&mut self.schemas);
        self.endpoints.push((
            pattern,
            Box::new(move |config| {
                config.service(endpoint);
            }),
        ));
        self
    }

    /// Registers them; words before parameters, so that the order in the code does not matter.
    pub fn register(mut self, config: &mut ServiceConfig) {
        self.endpoints.sort_by_key(|(pattern, _)| std::cmp::Reverse(specificity(pattern)));
        for (_, register) in self.endpoints {
            register(config);
        }
    }

    /// Method and full pattern of each.
    pub fn list(&self) -> &[(String, String)] {
        &self.listed
    }

    /// What OpenAPI needs to know.
    pub fn describe(self) -> (Paths, Vec<(String, RefOr<Schema>)>) {
        (self.paths, self.schemas)
    }
}

fn word(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
        HttpMethod::Put => "PUT",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Head => "HEAD",
        HttpMethod::Patch => "PATCH",
        _ => "TRACE",
    }
}
