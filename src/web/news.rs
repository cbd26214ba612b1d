//! Which news the event stream tells when a request has changed something, so that pages that are open elsewhere ask again.

use crate::auth::permissions::{Route, Trace};
use crate::events::Bus;
use actix_web::http::StatusCode;
use serde_json::json;

/// Tells whoever looks that a request has changed something. Nobody is told what: they ask, with their own rights.
pub fn tell(bus: &Bus, route: &Route, path: &str, status: StatusCode) {
    let changed = route.method != "GET" && route.trace == Trace::Audited && status.is_success();
    if let Some(name) = name(route.pattern).filter(|_| changed) {
        bus.transient(name, json!({"id": id(path)}));
    }
}

/// The name of the news about what a route changes; none: its work has news of its own.
fn name(pattern: &str) -> Option<&'static str> {
    Some(match resource(pattern)? {
        "pools" => "pool",
        "sources" => "source",
        "jobs" => "job",
        "tapes" => "tape",
        "drives" => "drive",
        "libraries" => "library",
        "backup-sets" => "backup",
        "encryption-keys" => "encryption",
        "notifications" => "notification",
        "settings" => "settings",
        "users" => "user",
        "api-keys" => "api_key",
        _ => return None,
    })
}

fn resource(path: &str) -> Option<&str> {
    path.strip_prefix("/api/v1/")?.split('/').next()
}

/// The number of the object, where the path names one.
fn id(path: &str) -> Option<i32> {
    path.strip_prefix("/api/v1/")?.split('/').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::permissions::{Answer, find};
    use crate::events::News;

    fn told(method: &str, path: &str, status: u16) -> Option<(&'static str, serde_json::Value)> {
        let (bus, _inbox) = Bus::new();
        let mut news = bus.subscribe();
        let Answer::Route(route) = find(method, path) else { panic!("{method} {path}") };
        tell(&bus, route, path, StatusCode::from_u16(status).unwrap());
        match news.try_recv() {
            Ok(News::Transient(news)) => Some((news.name, news.data.clone())),
            _ => None,
        }
    }

    #[test]
    fn what_was_changed_is_told_and_nothing_else() {
        assert_eq!(told("PUT", "/api/v1/pools/7", 200), Some(("pool", json!({"id": 7}))));
        assert_eq!(told("POST", "/api/v1/sources", 201), Some(("source", json!({"id": null}))));
        assert_eq!(told("DELETE", "/api/v1/notifications/rules/3", 200).map(|told| told.0), Some("notification"));
        assert_eq!(told("PUT", "/api/v1/jobs/7", 409), None, "refused");
        assert_eq!(told("GET", "/api/v1/jobs/7", 200), None, "only asked");
        assert_eq!(told("POST", "/api/v1/jobs/preview-schedule", 200), None, "asked while typing");
        assert_eq!(told("POST", "/api/v1/restore/plan", 200), None);
    }
}
