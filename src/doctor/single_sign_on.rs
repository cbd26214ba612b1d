//! Logins at an OpenID provider: whether it answers as it is configured, and whether there is a way in without it.

use super::{Config, Network, Report, sentence};
use crate::auth::oidc::CALLBACK;
use crate::auth::oidc::http::Http;
use crate::auth::oidc::provider::{discover, fetch_keys};
use crate::config::Oidc;
use crate::db::{Conn, Role, users};
use std::os::unix::fs::PermissionsExt;

/// Looks at it, if there is one.
pub fn look(report: &mut Report, conn: &mut Conn, config: &Config, network: Network) {
    let settings = &config.oidc;
    if !settings.is_on() {
        return;
    }
    way_back(report, conn, settings);
    let secret = settings.client_secret_file.display().to_string();
    let mode = std::fs::metadata(&settings.client_secret_file).map(|about| about.permissions().mode() & 0o777);
    if let Ok(mode) = mode
        && mode & 0o007 != 0
    {
        let about = format!("Everybody on this machine may read the secret of the provider (mode {mode:03o}).");
        report.warn("single sign-on", secret.clone(), about, format!("chmod o= {secret}"));
    }
    let subject = settings.issuer.clone();
    if network == Network::Spared {
        return report.ok("single sign-on", subject, "It is configured; the provider was not reached for.");
    }
    let back = format!("{}{CALLBACK}", settings.public_url.trim_end_matches('/'));
    match ask(settings) {
        Ok(keys) => {
            let about =
                format!("The provider answers and has {keys} keys. Its redirect URI for this server must be {back}");
            report.ok("single sign-on", subject, about);
        }
        Err(why) => {
            let mend = "Correct oidc.issuer (or client_secret_file, ca_certificate), or see that the provider runs and can be reached from \
                        here: docs/single-sign-on.md. People log in with passwords meanwhile, as far as oidc.password_login lets them.";
            report.fail("single sign-on", subject, sentence(&why), mend);
        }
    }
}

/// Whether somebody can administer while the provider is down.
fn way_back(report: &mut Report, conn: &mut Conn, settings: &Oidc) {
    let allowed = settings.password_login().allows(Role::Admin);
    let able = |user: &users::User| user.role == Role::Admin && user.disabled_at.is_none() && user.has_password();
    let there = users::list(conn).unwrap_or_default().iter().any(able);
    if allowed && there {
        return report.ok("single sign-on", "without the provider", "An administrator can log in with a password.");
    }
    let (about, mend) = match allowed {
        false => (
            "Nobody can log in while the provider is down: oidc.password_login is \"nobody\".",
            "Write \"administrators\" there; or know that whoever can write the configuration can do so when it is needed.",
        ),
        true => (
            "No administrator can log in while the provider is down: none of them has a password.",
            "tapebackarr user add NAME --role admin",
        ),
    };
    report.warn("single sign-on", "without the provider", about, mend);
}

/// How many keys the provider has.
fn ask(settings: &Oidc) -> Result<usize, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let http = Http::open(settings).await?;
        let metadata = discover(&http, &settings.issuer).await?;
        fetch_keys(&http, &metadata).await.map(|keys| keys.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::db::testing;
    use crate::doctor::Verdict;
    use serde_json::{Value, json};

    fn looked(conn: &mut Conn, more: &[(&'static str, Value)]) -> Report {
        let mut flags = vec![
            ("oidc.issuer", json!("http://127.0.0.1:9")),
            ("oidc.public_url", json!("https://tapes.example.org")),
            ("oidc.client_id", json!("tapes")),
            ("oidc.admin_values", json!(["admins"])),
        ];
        flags.extend(more.iter().cloned());
        let config = Sources::with(flags).unwrap().resolve(&Default::default()).unwrap();
        let mut report = Report::default();
        look(&mut report, conn, &config, Network::Tried);
        report
    }

    #[test]
    fn a_provider_that_is_down_and_a_house_without_another_door_are_told() {
        let db = testing::database();
        let conn = &mut *db.conn();
        assert!(looked(conn, &[("oidc.issuer", json!(""))]).findings.is_empty());
        users::insert_without_password(conn, "ann", Role::Admin).unwrap();
        let report = looked(conn, &[]);
        let verdicts: Vec<Verdict> = report.findings.iter().map(|finding| finding.verdict).collect();
        assert_eq!(verdicts, [Verdict::Warning, Verdict::Failure], "{report:?}");
        users::insert(conn, "bob", "x", Role::Admin).unwrap();
        assert_eq!(looked(conn, &[]).findings[0].verdict, Verdict::Ok);
        let nobody = looked(conn, &[("oidc.password_login", json!("nobody"))]);
        assert_eq!(nobody.findings[0].verdict, Verdict::Warning);
        let lost = looked(conn, &[("oidc.client_secret_file", json!("/nonexistent/secret"))]);
        let words = format!("{lost:?}");
        assert!(words.contains("/nonexistent/secret"), "{words}");
    }
}
