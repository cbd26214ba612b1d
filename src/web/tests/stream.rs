//! The event stream: names, numbers, coming back, ending.

use crate::actors::notifier::Notifier;
use crate::db::Role;
use crate::events::{Category, Event};
use crate::notify::{Bell, Limits};
use crate::web::Exit;
use crate::web::testing::{Called, Site, call, request};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::test::TestRequest;
use serde_json::json;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

/// A site whose notifier runs.
fn site() -> Site {
    let mut site = Site::new();
    let (pool, bus) = (site.db.pool.clone(), site.services.bus.clone());
    let (limits, bell) = (Limits::new(&site.services.config.notify), Bell::default());
    Notifier::start(pool, &bus, site.inbox.take().unwrap(), limits, bell).unwrap();
    site
}

fn publish(site: &Site, title: &str) {
    site.services.bus.publish(Event::info(Category::Tape, title, "…"));
    assert!(site.services.bus.flush(Duration::from_secs(10)));
}

/// What an open stream says.
struct Listener(Pin<Box<BoxBody>>);

impl Listener {
    async fn open(app: &impl Called<Body: 'static>, request: TestRequest) -> Listener {
        let response = app.call(request.to_request()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
        let mut listener = Listener(Box::pin(response.into_body().boxed()));
        assert!(listener.hear().await.unwrap().contains(": connected"));
        listener
    }

    /// The next piece; none at the end.
    async fn hear(&mut self) -> Option<String> {
        let next = poll_fn(|context| self.0.as_mut().poll_next(context));
        let chunk = tokio::time::timeout(Duration::from_secs(60), next).await.expect("nothing is heard");
        chunk.map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap())
    }

    /// The next piece that is no heartbeat.
    async fn news(&mut self) -> String {
        loop {
            let text = self.hear().await.expect("the stream has ended");
            if !text.starts_with(": heartbeat") {
                return text;
            }
        }
    }
}

#[actix_web::test]
async fn new_events_have_names_and_numbers() {
    let site = site();
    let app = site.app().await;
    publish(&site, "before");
    let mut listener = Listener::open(&app, site.request(Role::Readonly, "GET", "/api/v1/events/stream")).await;
    publish(&site, "after");
    let heard = listener.news().await;
    assert!(heard.starts_with("id: 2\nevent: message\ndata: {") && heard.ends_with("}\n\n"), "{heard}");
    assert!(heard.contains("\"title\":\"after\"") && heard.contains("\"id\":\"2\""), "{heard}");
    site.services.bus.transient("execution", json!({"id": 7}));
    assert_eq!(listener.news().await, "event: execution\ndata: {\"id\":7}\n\n");
    let recent = call(&app, site.request(Role::Readonly, "GET", "/api/v1/events")).await;
    assert_eq!(recent.json[0]["title"], "before");
    assert_eq!(recent.json[1]["type"], "info");
}

#[actix_web::test]
async fn whoever_comes_back_gets_what_was_missed() {
    let site = site();
    let app = site.app().await;
    for title in ["one", "two", "three"] {
        publish(&site, title);
    }
    let path = "/api/v1/events/stream";
    let by_header = site.request(Role::Readonly, "GET", path).insert_header(("last-event-id", "1"));
    let token = site.token("readonly");
    let by_query = request("GET", &format!("{path}?last_event_id=1&token={token}"));
    for coming_back in [by_header, by_query] {
        let mut listener = Listener::open(&app, coming_back).await;
        let heard = listener.news().await;
        assert!(!heard.contains("one") && heard.contains("id: 2\n") && heard.contains("id: 3\n"), "{heard}");
    }
    // Numbers of a database that was set back since, and nonsense: only new events.
    for odd in ["4000", "nonsense", "-5000000000"] {
        let asking = site.request(Role::Readonly, "GET", path).insert_header(("last-event-id", odd));
        let mut listener = Listener::open(&app, asking).await;
        publish(&site, odd);
        let heard = listener.news().await;
        assert!(heard.contains(odd) && heard.matches("id: ").count() == 1, "{odd}: {heard}");
    }
}

#[actix_web::test]
async fn a_slow_listener_loses_no_stored_event() {
    let site = site();
    let app = site.app().await;
    let mut listener = Listener::open(&app, site.request(Role::Readonly, "GET", "/api/v1/events/stream")).await;
    publish(&site, "first");
    for n in 0..5000 {
        site.services.bus.transient("execution", json!({"n": n}));
    }
    publish(&site, "last");
    let mut heard = String::new();
    while !heard.contains("last") {
        heard.push_str(&listener.news().await);
    }
    assert!(heard.contains("first") && heard.matches("id: ").count() == 2, "{heard}");
}

#[actix_web::test]
async fn the_stream_ends_with_the_login_and_with_the_server() {
    let site = site();
    let app = site.app().await;
    let open = || site.request(Role::Operator, "GET", "/api/v1/events/stream");
    let mut listener = Listener::open(&app, open()).await;
    let logout = site.request(Role::Operator, "POST", "/api/v1/auth/logout?everywhere=true");
    assert_eq!(call(&app, logout).await.status, 200);
    assert_eq!(listener.hear().await, None, "at the next heartbeat");

    let mut listener = Listener::open(&app, open()).await;
    site.services.lifecycle.request(Exit::Stop);
    assert_eq!(listener.hear().await, None);
}

#[actix_web::test]
async fn what_somebody_changes_is_told_to_whoever_looks() {
    let site = site();
    let app = site.app().await;
    let mut listener = Listener::open(&app, site.request(Role::Readonly, "GET", "/api/v1/events/stream")).await;
    let channel = json!({"name": "phone", "kind": "ntfy", "config": {"topic": "t"}});
    let create = site.request(Role::Admin, "POST", "/api/v1/notifications/channels");
    assert_eq!(call(&app, create.set_json(channel)).await.status, 201);
    assert_eq!(listener.news().await, "event: notification\ndata: {\"id\":null}\n\n");
    let refused = site.request(Role::Operator, "DELETE", "/api/v1/notifications/channels/1");
    assert_eq!(call(&app, refused).await.status, 403);
    let user = json!({"username": "new", "password": "long enough for it", "role": "readonly"});
    let create = site.request(Role::Admin, "POST", "/api/v1/users");
    assert_eq!(call(&app, create.set_json(user)).await.status, 201);
    assert_eq!(listener.news().await, "event: user\ndata: {\"id\":null}\n\n", "nothing was told of what was refused");
}
