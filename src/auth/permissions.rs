//! The one table of permissions: every route of the API and the least role that may use it.
//!
//! The web layer asks it for **every** request under `/api` before anything else happens; what is not in it does not
//! exist (404), so a route that somebody forgot to enter fails closed. A test holds it against the registered routes.
//!
//! * **readonly** reads, and never a secret, a byte of a file, or anything that moves a tape;
//! * **operator** does all work on tapes, drives, libraries, jobs, sources and restores, and reads logs and settings;
//! * **admin** everything: users, keys, settings, the database as a file.

use super::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever has at least this role.
    Least(Role),
}

/// Whether a use is written to the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// It changes something, or gives out a secret: always.
    Audited,
    /// It only reads: only if it is denied.
    Unaudited,
}

/// Where the credential may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// In a header.
    Header,
    /// Also as `?token=`: for the event stream and downloads, where a browser cannot set a header.
    HeaderOrQuery,
}

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// `/api/v1/users/{id}`
    pub pattern: &'static str,
    /// Who may use it.
    pub access: Access,
    /// Whether its use is written down.
    pub trace: Trace,
    /// Where the credential may be.
    pub carrier: Carrier,
}

/// What the table says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This route.
    Route(&'static Route),
    /// The path is there, with these methods.
    OtherMethods(Vec<&'static str>),
    /// No such path.
    Nothing,
}

const PUBLIC: Access = Access::Public;
const READONLY: Access = Access::Least(Role::Readonly);
const OPERATOR: Access = Access::Least(Role::Operator);
const ADMIN: Access = Access::Least(Role::Admin);

const fn get(pattern: &'static str, access: Access) -> Route {
    Route { method: "GET", pattern, access, trace: Trace::Unaudited, carrier: Carrier::Header }
}
const fn post(pattern: &'static str, access: Access) -> Route {
    Route { method: "POST", pattern, access, trace: Trace::Audited, carrier: Carrier::Header }
}
/// A POST that only asks, while somebody types: its question is too long for an address.
const fn ask(pattern: &'static str, access: Access) -> Route {
    Route { method: "POST", pattern, access, trace: Trace::Unaudited, carrier: Carrier::Header }
}
const fn put(pattern: &'static str, access: Access) -> Route {
    Route { method: "PUT", pattern, access, trace: Trace::Audited, carrier: Carrier::Header }
}
const fn delete(pattern: &'static str, access: Access) -> Route {
    Route { method: "DELETE", pattern, access, trace: Trace::Audited, carrier: Carrier::Header }
}
/// A GET that gives out something worth writing down.
const fn download(pattern: &'static str, access: Access) -> Route {
    Route { method: "GET", pattern, access, trace: Trace::Audited, carrier: Carrier::HeaderOrQuery }
}
/// A GET by which a browser comes back from elsewhere, and that changes something.
const fn come_back(pattern: &'static str, access: Access) -> Route {
    Route { method: "GET", pattern, access, trace: Trace::Audited, carrier: Carrier::Header }
}
const fn stream(pattern: &'static str, access: Access) -> Route {
    Route { method: "GET", pattern, access, trace: Trace::Unaudited, carrier: Carrier::HeaderOrQuery }
}

/// Where Prometheus asks.
pub const METRICS: &str = "/metrics";

/// Every route.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    get("/health", PUBLIC),
    get("/health/live", PUBLIC),
    get("/health/ready", PUBLIC),
    // Also without a login from the networks of `metrics.networks`.
    get(METRICS, READONLY),
    get("/api/v1/health", PUBLIC),
    get("/api/v1/openapi.json", PUBLIC),

    get("/api/v1/auth/setup", PUBLIC),
    post("/api/v1/auth/setup", PUBLIC),
    post("/api/v1/auth/login", PUBLIC),
    get("/api/v1/auth/providers", PUBLIC),
    get("/api/v1/auth/oidc/start", PUBLIC),
    come_back("/api/v1/auth/oidc/callback", PUBLIC),
    post("/api/v1/auth/logout", READONLY),
    get("/api/v1/auth/me", READONLY),
    post("/api/v1/auth/change-password", READONLY),
    get("/api/v1/auth/sessions", READONLY),
    delete("/api/v1/auth/sessions/{id}", READONLY),
    get("/api/v1/auth/second-factor", READONLY),
    post("/api/v1/auth/second-factor", READONLY),
    post("/api/v1/auth/second-factor/confirm", READONLY),
    post("/api/v1/auth/second-factor/recovery-codes", READONLY),
    post("/api/v1/auth/second-factor/disable", READONLY),

    get("/api/v1/users", ADMIN),
    post("/api/v1/users", ADMIN),
    get("/api/v1/users/{id}", ADMIN),
    delete("/api/v1/users/{id}", ADMIN),
    get("/api/v1/users/{id}/sessions", ADMIN),
    delete("/api/v1/users/{id}/sessions", ADMIN),
    delete("/api/v1/users/{id}/second-factor", ADMIN),
    put("/api/v1/users/{id}/role", ADMIN),
    put("/api/v1/users/{id}/password", ADMIN),
    put("/api/v1/users/{id}/disabled", ADMIN),
    put("/api/v1/users/{id}/identity", ADMIN),
    delete("/api/v1/users/{id}/identity", ADMIN),

    get("/api/v1/api-keys", ADMIN),
    post("/api/v1/api-keys", ADMIN),
    delete("/api/v1/api-keys/{id}", ADMIN),

    get("/api/v1/encryption-keys", READONLY),
    post("/api/v1/encryption-keys", ADMIN),
    post("/api/v1/encryption-keys/import", ADMIN),
    download("/api/v1/encryption-keys/keysheet", ADMIN),
    download("/api/v1/encryption-keys/keysheet/text", ADMIN),
    download("/api/v1/encryption-keys/keysheet/pdf", ADMIN),
    get("/api/v1/encryption-keys/locked", READONLY),
    post("/api/v1/encryption-keys/unlock", ADMIN),
    get("/api/v1/encryption-keys/{id}/uses", READONLY),
    put("/api/v1/encryption-keys/{id}", ADMIN),
    post("/api/v1/encryption-keys/{id}/rotate", ADMIN),
    delete("/api/v1/encryption-keys/{id}", ADMIN),

    get("/api/v1/settings", OPERATOR),
    get("/api/v1/settings/explained", OPERATOR),
    put("/api/v1/settings", ADMIN),
    post("/api/v1/settings/telegram/test", ADMIN),
    post("/api/v1/settings/restart", ADMIN),

    get("/api/v1/notifications/topics", READONLY),
    // Secrets are masked; who gets which message is for those who work here.
    get("/api/v1/notifications/channels", OPERATOR),
    post("/api/v1/notifications/channels", ADMIN),
    post("/api/v1/notifications/channels/try", ADMIN),
    get("/api/v1/notifications/channels/{id}", OPERATOR),
    put("/api/v1/notifications/channels/{id}", ADMIN),
    delete("/api/v1/notifications/channels/{id}", ADMIN),
    post("/api/v1/notifications/channels/{id}/test", OPERATOR),
    post("/api/v1/notifications/telegram/codes", OPERATOR),
    get("/api/v1/notifications/telegram/chats", OPERATOR),
    delete("/api/v1/notifications/telegram/chats/{id}", OPERATOR),
    get("/api/v1/notifications/rules", OPERATOR),
    post("/api/v1/notifications/rules", ADMIN),
    get("/api/v1/notifications/rules/{id}", OPERATOR),
    put("/api/v1/notifications/rules/{id}", ADMIN),
    delete("/api/v1/notifications/rules/{id}", ADMIN),
    get("/api/v1/notifications/templates", OPERATOR),
    ask("/api/v1/notifications/templates/preview", OPERATOR),
    put("/api/v1/notifications/templates/{kind}/{topic}", ADMIN),
    delete("/api/v1/notifications/templates/{kind}/{topic}", ADMIN),
    get("/api/v1/notifications/outbox", OPERATOR),
    get("/api/v1/notifications/outbox/{id}", OPERATOR),
    post("/api/v1/notifications/outbox/{id}/retry", OPERATOR),
    post("/api/v1/notifications/outbox/{id}/discard", OPERATOR),

    get("/api/v1/events", READONLY),
    get("/api/v1/events/export", READONLY),
    stream("/api/v1/events/stream", READONLY),
    get("/api/v1/logs/audit", OPERATOR),
    get("/api/v1/logs/audit/verify", OPERATOR),
    download("/api/v1/logs/export", OPERATOR),
    get("/api/v1/about", READONLY),
    get("/api/v1/docs", READONLY),
    get("/api/v1/docs/{id}", READONLY),

    get("/api/v1/dashboard", READONLY),
    get("/api/v1/dashboard/attention", READONLY),
    get("/api/v1/coverage", READONLY),

    get("/api/v1/tapes", READONLY),
    post("/api/v1/tapes", OPERATOR),
    get("/api/v1/tapes/lto-types", READONLY),
    get("/api/v1/tapes/{id}", READONLY),
    put("/api/v1/tapes/{id}", OPERATOR),
    delete("/api/v1/tapes/{id}", OPERATOR),
    get("/api/v1/tapes/{id}/contents", READONLY),
    get("/api/v1/tapes/{id}/health", READONLY),
    get("/api/v1/tapes/{id}/wear", READONLY),
    post("/api/v1/tapes/{id}/verify", OPERATOR),
    post("/api/v1/tapes/{id}/copy", OPERATOR),
    post("/api/v1/tapes/{id}/label", OPERATOR),
    post("/api/v1/tapes/{id}/format", OPERATOR),
    post("/api/v1/tapes/{id}/export", OPERATOR),
    post("/api/v1/tapes/{id}/import", OPERATOR),
    post("/api/v1/tapes/{id}/lost", OPERATOR),
    post("/api/v1/tapes/{id}/found", OPERATOR),
    get("/api/v1/tapes/{id}/read-label", OPERATOR),
    post("/api/v1/tapes/batch-label", OPERATOR),
    get("/api/v1/tapes/batch-label/status", READONLY),
    post("/api/v1/tapes/batch-label/cancel", OPERATOR),
    post("/api/v1/tapes/batch-update", OPERATOR),
    get("/api/v1/tapes/operation/status", READONLY),

    get("/api/v1/pools", READONLY),
    post("/api/v1/pools", OPERATOR),
    get("/api/v1/pools/{id}", READONLY),
    put("/api/v1/pools/{id}", OPERATOR),
    delete("/api/v1/pools/{id}", OPERATOR),
    put("/api/v1/pools/{id}/passphrase", ADMIN),
    delete("/api/v1/pools/{id}/passphrase", ADMIN),

    get("/api/v1/drives", READONLY),
    post("/api/v1/drives", OPERATOR),
    get("/api/v1/drives/scan", OPERATOR),
    get("/api/v1/drives/{id}", READONLY),
    get("/api/v1/drives/{id}/status", READONLY),
    get("/api/v1/drives/{id}/detect-tape", OPERATOR),
    put("/api/v1/drives/{id}", OPERATOR),
    delete("/api/v1/drives/{id}", OPERATOR),
    post("/api/v1/drives/{id}/eject", OPERATOR),
    post("/api/v1/drives/{id}/load-tape", OPERATOR),
    post("/api/v1/drives/{id}/rewind", OPERATOR),
    post("/api/v1/drives/{id}/select", OPERATOR),
    post("/api/v1/drives/{id}/format-tape", OPERATOR),
    get("/api/v1/drives/{id}/inspect-tape", OPERATOR),
    get("/api/v1/drives/{id}/scan-for-db-backup", OPERATOR),
    post("/api/v1/drives/{id}/batch-label", OPERATOR),
    get("/api/v1/drives/{id}/statistics", READONLY),
    get("/api/v1/drives/{id}/alerts", READONLY),
    get("/api/v1/drives/{id}/tape-health", READONLY),
    post("/api/v1/drives/{id}/clean", OPERATOR),
    post("/api/v1/drives/{id}/test", OPERATOR),
    post("/api/v1/drives/{id}/retension", OPERATOR),
    get("/api/v1/drives/{id}/hardware-encryption", READONLY),
    post("/api/v1/drives/{id}/hardware-encryption", OPERATOR),
    delete("/api/v1/drives/{id}/hardware-encryption", OPERATOR),

    get("/api/v1/libraries", READONLY),
    post("/api/v1/libraries", OPERATOR),
    post("/api/v1/libraries/virtual", OPERATOR),
    get("/api/v1/libraries/scan", OPERATOR),
    get("/api/v1/libraries/{id}", READONLY),
    put("/api/v1/libraries/{id}", OPERATOR),
    delete("/api/v1/libraries/{id}", OPERATOR),
    post("/api/v1/libraries/{id}/inventory", OPERATOR),
    get("/api/v1/libraries/{id}/slots", READONLY),
    post("/api/v1/libraries/{id}/load", OPERATOR),
    post("/api/v1/libraries/{id}/unload", OPERATOR),
    post("/api/v1/libraries/{id}/transfer", OPERATOR),

    get("/api/v1/sources", READONLY),
    post("/api/v1/sources", OPERATOR),
    get("/api/v1/sources/browse", OPERATOR),
    get("/api/v1/sources/{id}", READONLY),
    put("/api/v1/sources/{id}", OPERATOR),
    delete("/api/v1/sources/{id}", OPERATOR),
    ask("/api/v1/sources/preview", OPERATOR),
    ask("/api/v1/sources/{id}/preview", OPERATOR),

    get("/api/v1/jobs", READONLY),
    post("/api/v1/jobs", OPERATOR),
    get("/api/v1/jobs/active", READONLY),
    get("/api/v1/jobs/resumable", READONLY),
    get("/api/v1/jobs/history", READONLY),
    get("/api/v1/jobs/{id}", READONLY),
    put("/api/v1/jobs/{id}", OPERATOR),
    delete("/api/v1/jobs/{id}", OPERATOR),
    post("/api/v1/jobs/{id}/run", OPERATOR),
    post("/api/v1/jobs/{id}/cancel", OPERATOR),
    post("/api/v1/jobs/{id}/pause", OPERATOR),
    post("/api/v1/jobs/{id}/resume", OPERATOR),
    post("/api/v1/jobs/{id}/retry", OPERATOR),
    get("/api/v1/jobs/{id}/recommend-tape", READONLY),
    get("/api/v1/jobs/{id}/next-runs", READONLY),
    ask("/api/v1/jobs/preview-schedule", OPERATOR),

    get("/api/v1/executions", READONLY),
    get("/api/v1/executions/{id}", READONLY),
    get("/api/v1/executions/{id}/logs", READONLY),
    get("/api/v1/executions/{id}/throughput", READONLY),
    post("/api/v1/executions/{id}/cancel", OPERATOR),
    post("/api/v1/executions/{id}/pause", OPERATOR),
    post("/api/v1/executions/{id}/resume", OPERATOR),

    get("/api/v1/tape-changes", READONLY),
    get("/api/v1/tape-changes/{id}", READONLY),
    post("/api/v1/tape-changes/{id}/complete", OPERATOR),
    post("/api/v1/tape-changes/{id}/cancel", OPERATOR),

    get("/api/v1/backup-sets", READONLY),
    get("/api/v1/backup-sets/{id}", READONLY),
    get("/api/v1/backup-sets/{id}/files", READONLY),
    put("/api/v1/backup-sets/{id}", OPERATOR),
    delete("/api/v1/backup-sets/{id}", OPERATOR),
    post("/api/v1/backup-sets/{id}/cancel", OPERATOR),
    post("/api/v1/backup-sets/{id}/verify", OPERATOR),
    post("/api/v1/backup-sets/{id}/copy", OPERATOR),

    post("/api/v1/import/v1-database", ADMIN),
    post("/api/v1/import/v1-tape", OPERATOR),

    get("/api/v1/retention/preview", READONLY),
    ask("/api/v1/retention/what-if", OPERATOR),
    post("/api/v1/retention/run", OPERATOR),
    get("/api/v1/maintenance", READONLY),
    post("/api/v1/maintenance/run", OPERATOR),
    post("/api/v1/maintenance/believe-clock", ADMIN),
    post("/api/v1/scrub", OPERATOR),
    post("/api/v1/drills", OPERATOR),

    get("/api/v1/catalog/search", READONLY),
    get("/api/v1/catalog/browse/{backupSetId}", READONLY),
    get("/api/v1/catalog/find", READONLY),
    get("/api/v1/catalog/tree", READONLY),
    get("/api/v1/catalog/versions", READONLY),
    post("/api/v1/catalog/rebuild", OPERATOR),

    ask("/api/v1/restore/plan", OPERATOR),
    post("/api/v1/restore/run", OPERATOR),
    post("/api/v1/restore/raw-read", OPERATOR),
    get("/api/v1/restore/operations", READONLY),

    get("/api/v1/database-backup", READONLY),
    post("/api/v1/database-backup/backup", OPERATOR),
    // The database holds the hashes of all passwords: as a file it is for administrators.
    post("/api/v1/database-backup/restore", ADMIN),
    download("/api/v1/database-backup/download", ADMIN),
    post("/api/v1/database-backup/upload", ADMIN),

    get("/api/v1/ltfs/status", READONLY),
    post("/api/v1/ltfs/format", OPERATOR),
    get("/api/v1/ltfs/format/status", READONLY),
    post("/api/v1/ltfs/mount", OPERATOR),
    post("/api/v1/ltfs/unmount", OPERATOR),
    get("/api/v1/ltfs/browse", READONLY),
    post("/api/v1/ltfs/restore", OPERATOR),
    post("/api/v1/ltfs/check", OPERATOR),

    get("/api/v1/proxmox/nodes", READONLY),
    get("/api/v1/proxmox/guests", READONLY),
    get("/api/v1/proxmox/guests/{vmid}", READONLY),
    get("/api/v1/proxmox/guests/{vmid}/config", OPERATOR),
    get("/api/v1/proxmox/cluster/status", READONLY),
    get("/api/v1/proxmox/backups", READONLY),
    get("/api/v1/proxmox/backups/{id}", READONLY),
    post("/api/v1/proxmox/backups", OPERATOR),
    post("/api/v1/proxmox/backups/all", OPERATOR),
    get("/api/v1/proxmox/restores", READONLY),
    post("/api/v1/proxmox/restores", OPERATOR),
    post("/api/v1/proxmox/restores/plan", OPERATOR),
    get("/api/v1/proxmox/jobs", READONLY),
    post("/api/v1/proxmox/jobs", OPERATOR),
    get("/api/v1/proxmox/jobs/{id}", READONLY),
    put("/api/v1/proxmox/jobs/{id}", OPERATOR),
    delete("/api/v1/proxmox/jobs/{id}", OPERATOR),
    post("/api/v1/proxmox/jobs/{id}/run", OPERATOR),
];

impl Access {
    /// Whether `role` (none: nobody is logged in) may.
    pub fn allows(self, role: Option<Role>) -> bool {
        match (self, role) {
            (Access::Public, _) => true,
            (Access::Least(_), None) => false,
            (Access::Least(least), Some(role)) => rank(role) >= rank(least),
        }
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Readonly => 0,
        Role::Operator => 1,
        Role::Admin => 2,
    }
}

/// What the table says about `method` on `path` (as the router sees it, without a trailing slash). Where several
/// patterns fit, the one with a word wins over the one with a parameter, first segment first.
pub fn find(method: &str, path: &str) -> Answer {
    let mut fitting: Vec<&'static Route> = ROUTES.iter().filter(|route| fits(route.pattern, path)).collect();
    let Some(best) = fitting.iter().map(|route| specificity(route.pattern)).max() else { return Answer::Nothing };
    fitting.retain(|route| specificity(route.pattern) == best);
    match fitting.iter().find(|route| route.method == method) {
        Some(route) => Answer::Route(route),
        None => Answer::OtherMethods(fitting.iter().map(|route| route.method).collect()),
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted == given => {}
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            _ => return false,
        }
    }
}

/// Larger where words stand before parameters: for choosing, and for the order in which routes are registered.
pub fn specificity(pattern: &str) -> Vec<bool> {
    pattern.split('/').map(|segment| !segment.starts_with('{')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn access(method: &str, path: &str) -> Access {
        match find(method, path) {
            Answer::Route(route) => route.access,
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    #[test]
    fn no_route_stands_twice() {
        let distinct: HashSet<_> = ROUTES.iter().map(|route| (route.method, route.pattern)).collect();
        assert_eq!(distinct.len(), ROUTES.len());
    }

    #[test]
    fn words_win_over_parameters() {
        assert_eq!(access("GET", "/api/v1/encryption-keys/keysheet"), ADMIN);
        assert_eq!(access("GET", "/api/v1/drives/scan"), OPERATOR);
        assert_eq!(access("GET", "/api/v1/jobs/7"), READONLY);
        // There is no GET of one encryption key: the word does not become a parameter of another method.
        assert_eq!(find("GET", "/api/v1/encryption-keys/7"), Answer::OtherMethods(vec!["PUT", "DELETE"]));
    }

    #[test]
    fn what_is_not_in_the_table_does_not_exist() {
        for path in ["/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v1/users/1/secrets", "/api/v1/users//role"] {
            assert_eq!(find("GET", path), Answer::Nothing, "{path}");
        }
        assert_eq!(find("PATCH", "/api/v1/pools"), Answer::OtherMethods(vec!["GET", "POST"]));
    }

    #[test]
    fn roles_contain_each_other() {
        assert!(ADMIN.allows(Some(Role::Admin)) && !ADMIN.allows(Some(Role::Operator)));
        assert!(OPERATOR.allows(Some(Role::Admin)) && !OPERATOR.allows(Some(Role::Readonly)));
        assert!(READONLY.allows(Some(Role::Readonly)) && !READONLY.allows(None));
        assert!(PUBLIC.allows(None));
    }

    #[test]
    fn readonly_users_change_nothing_but_their_own_login() {
        let own = [
            "/api/v1/auth/logout",
            "/api/v1/auth/change-password",
            "/api/v1/auth/sessions/{id}",
            "/api/v1/auth/second-factor",
            "/api/v1/auth/second-factor/confirm",
            "/api/v1/auth/second-factor/recovery-codes",
            "/api/v1/auth/second-factor/disable",
        ];
        for route in ROUTES.iter().filter(|route| route.method != "GET" && route.access.allows(Some(Role::Readonly))) {
            let public = route.access == PUBLIC && route.pattern.starts_with("/api/v1/auth/");
            assert!(public || own.contains(&route.pattern), "{} {}", route.method, route.pattern);
        }
    }
}
