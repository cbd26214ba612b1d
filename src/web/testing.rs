//! A whole application over a temporary database, with a user and an API key of every role: for the tests of handlers.
//!
//! ```ignore
//! let site = Site::new();
//! let app = site.app().await;
//! let answer = call(&app, site.get("/api/v1/users").as_role(&site, Role::Admin)).await;
//! assert_eq!(answer.status, 200);
//! ```

use super::Services;
use super::server::app;
use crate::auth::token::{By, Device};
use crate::auth::{Auth, api_key};
use crate::config::Sources;
use crate::db::api_keys::NewApiKey;
use crate::db::testing::TestDatabase;
use crate::db::users::User;
use crate::db::{Role, api_keys, testing, users};
use crate::events::{Bus, Inbox};
use crate::keys::{KeyStore, MasterKey};
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use actix_web::test::{self, TestRequest};
use actix_web::web::Data;
use serde_json::{Value, json};

/// The password of every user of a [`Site`].
pub const PASSWORD: &str = "correct horse battery";

/// Everything behind the application.
pub struct Site {
    /// What the handlers share.
    pub services: Services,
    /// The database.
    pub db: TestDatabase,
    /// For a notifier, if a test starts one.
    pub inbox: Option<Inbox>,
    /// The data folder.
    pub folder: tempfile::TempDir,
}

/// What a handler answered.
#[derive(Debug)]
pub struct Answer {
    /// 200, 404, …
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; null if it is not JSON.
    pub json: Value,
    /// Its body.
    pub text: String,
}

/// An application that can be called.
pub trait Called:
    Service<actix_http::Request, Response = ServiceResponse<Self::Body>, Error = actix_web::Error>
{
    /// What its answers are made of.
    type Body: MessageBody;
}

impl<S, B> Called for S
where
    S: Service<actix_http::Request, Response = ServiceResponse<B>, Error = actix_web::Error>,
    B: MessageBody,
{
    type Body = B;
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// Nobody is there yet.
    pub fn empty() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let db = testing::database();
        let sources = Sources::with([
            ("data_dir", json!(folder.path())),
            ("server.static_dir", json!(folder.path().join("static"))),
            ("server.port", json!(0)),
            ("server.listen", json!("127.0.0.1")),
            ("server.shutdown_seconds", json!(5)),
            ("docs.dir", json!(folder.path().join("docs"))),
            ("auth.bcrypt_cost", json!(4)),
            ("server.requests_per_second", json!(0)),
        ])
        .unwrap();
        let config = sources.resolve(&Default::default()).unwrap();
        let (bus, inbox) = Bus::new();
        let master = MasterKey::open(&mut db.conn(), folder.path()).unwrap();
        let services = Services {
            auth: Data::new(Auth::open(&config).unwrap()),
            config: Data::new(config),
            sources: Data::new(sources),
            pool: Data::new(db.pool.clone()),
            bus: Data::new(bus),
            keys: Data::new(KeyStore::new(master)),
            lifecycle: Data::default(),
            bell: Data::default(),
            http: Data::default(),
            tls: None,
        };
        Site { services, db, inbox: Some(inbox), folder }
    }

    /// With the users `admin`, `operator` and `readonly`.
    pub fn new() -> Site {
        let site = Site::empty();
        for role in Role::ALL {
            site.user(role.as_str(), *role);
        }
        site
    }

    /// Another user.
    pub fn user(&self, name: &str, role: Role) -> User {
        let hash = self.services.auth.hasher.hash(PASSWORD).unwrap();
        users::insert(&mut self.db.conn(), name, &hash, role).unwrap()
    }

    /// A login of the user with this name.
    pub fn token(&self, name: &str) -> String {
        let user = users::find_by_name(&mut self.db.conn(), name).unwrap().unwrap();
        self.services.auth.tokens.log_in(&mut self.db.conn(), &user, Device::default(), By::Password).unwrap()
    }

    /// A new API key.
    pub fn api_key(&self, role: Role, expires_at: Option<chrono::NaiveDateTime>) -> (i32, String) {
        let made = api_key::generate().unwrap();
        let name = format!("{role} program");
        let new = NewApiKey { name, key_hash: made.hash, key_prefix: made.prefix, role, expires_at };
        (api_keys::insert(&mut self.db.conn(), &new).unwrap().id, made.key)
    }

    /// The application, ready to be called.
    pub fn app(&self) -> impl Future<Output = impl Called<Body = impl MessageBody + 'static + use<>> + use<>> + use<> {
        test::init_service(app(self.services.clone(), |_| {}))
    }

    /// A request with the login of `role`.
    pub fn request(&self, role: Role, method: &str, path: &str) -> TestRequest {
        request(method, path).insert_header(("authorization", format!("Bearer {}", self.token(role.as_str()))))
    }
}

/// A request of nobody.
pub fn request(method: &str, path: &str) -> TestRequest {
    TestRequest::with_uri(path).method(method.parse().unwrap()).peer_addr("192.0.2.7:4711".parse().unwrap())
}

/// Sends it and reads the whole answer.
pub async fn call(app: &impl Called, request: TestRequest) -> Answer {
    let (status, headers, bytes) = match app.call(request.to_request()).await {
        Ok(response) => {
            let (status, headers) = (response.status(), response.headers().clone());
            (status, headers, test::read_body(response).await)
        }
        Err(error) => (error.as_response_error().status_code(), HeaderMap::new(), error.to_string().into()),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status: StatusCode::as_u16(&status), headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
}
