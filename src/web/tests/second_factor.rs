//! A code beside the password: setting it up, asking for it, losing it.

use crate::auth::Auth;
use crate::auth::second_factor::totp::{PERIOD, Secret};
use crate::db::audit::{self, AuditFilter};
use crate::db::paging::Page;
use crate::db::{Role, users};
use crate::events::Post;
use crate::keys::{KeyStore, MasterKey};
use crate::web::testing::{Answer, Called, PASSWORD, Site, call, request};
use actix_web::test::TestRequest;
use actix_web::web::Data;
use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/second-factor";

/// What an app does with the secret that was typed into it.
fn read(secret: &str) -> Secret {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret.chars().map(|c| format!("{:05b}", LETTERS.find(c).unwrap())).collect();
    let bytes =
        bits.as_bytes().chunks_exact(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
    Secret::from_bytes(zeroize::Zeroizing::new(bytes.collect()))
}

/// The code that the app shows now, or the one that comes `later`.
fn shown(secret: &str, later: i64) -> String {
    read(secret).code(chrono::Utc::now().timestamp() / PERIOD + later).unwrap()
}

/// As if half a minute had passed: the present code was not used yet.
fn time_passes(site: &Site) {
    site.db.conn().batch_execute("UPDATE second_factors SET last_step = NULL").unwrap();
}

fn login(name: &str, code: Option<&str>) -> TestRequest {
    let body = json!({"username": name, "password": PASSWORD, "code": code});
    request("POST", "/api/v1/auth/login").peer_addr("192.0.2.8:4711".parse().unwrap()).set_json(body)
}

fn with(token: &str, method: &str, path: &str, body: Value) -> TestRequest {
    request(method, path).insert_header(("authorization", format!("Bearer {token}"))).set_json(body)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json["code"].as_str()), (status, Some(code)), "{answer:?}");
    assert!(answer.json.get("token").is_none(), "{answer:?}");
}

/// Sets one up for whose login this is: the secret, and the recovery codes.
async fn set_up(app: &impl Called, token: &str) -> (String, Vec<String>) {
    let begun = call(app, with(token, "POST", PATH, json!({"password": PASSWORD}))).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    let secret = begun.json["secret"].as_str().unwrap().to_owned();
    let body = json!({"code": shown(&secret, 0)});
    let confirmed = call(app, with(token, "POST", &format!("{PATH}/confirm"), body)).await;
    assert_eq!(confirmed.status, 200, "{confirmed:?}");
    let codes = confirmed.json["recovery_codes"].as_array().unwrap();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[actix_web::test]
async fn it_is_set_up_with_password_and_code_and_asked_for_from_then_on() {
    let site = Site::new();
    let app = site.app().await;
    let (here, there) = (site.token("admin"), site.token("admin"));
    refused(&call(&app, with(&here, "POST", PATH, json!({"password": "wrong"}))).await, 401, "wrong_password");
    let confirm = |code: &str| with(&here, "POST", &format!("{PATH}/confirm"), json!({"code": code}));
    refused(&call(&app, confirm("123456")).await, 409, "not_enrolling");

    let begun = call(&app, with(&here, "POST", PATH, json!({"password": PASSWORD}))).await;
    let (secret, uri) = (begun.json["secret"].as_str().unwrap(), begun.json["uri"].as_str().unwrap());
    assert!(uri.starts_with("otpauth://totp/TapeBackarr:admin%40") && uri.contains(secret), "{uri}");
    assert!(begun.json["qr_svg"].as_str().unwrap().contains("<svg"), "{begun:?}");
    assert_eq!(begun.headers.get("cache-control").unwrap(), "no-store");
    assert_eq!(
        call(&app, login("admin", None)).await.status,
        200,
        "nothing is asked for before the app has shown a code"
    );
    let other = shown("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0);
    refused(&call(&app, confirm(&other)).await, 401, "totp_wrong");
    let confirmed = call(&app, confirm(&format!(" {} ", shown(secret, 0)))).await;
    assert_eq!(confirmed.json["recovery_codes"].as_array().map(Vec::len), Some(10), "{confirmed:?}");
    refused(&call(&app, confirm(&shown(secret, 1))).await, 409, "not_enrolling");
    refused(&call(&app, with(&here, "POST", PATH, json!({"password": PASSWORD}))).await, 409, "second_factor_exists");

    let me = |token: &str| with(token, "GET", "/api/v1/auth/me", Value::Null);
    assert_eq!(call(&app, me(&here)).await.status, 200);
    assert_eq!(call(&app, me(&there)).await.status, 401, "logins from before, with the password alone, have ended");
    let state = call(&app, with(&here, "GET", PATH, Value::Null)).await.json;
    assert_eq!(
        (&state["enabled"], &state["required"], &state["recovery_codes_left"]),
        (&json!(true), &json!(false), &json!(10))
    );

    // the second step
    refused(&call(&app, login("admin", None)).await, 401, "totp_required");
    refused(&call(&app, login("admin", Some(""))).await, 401, "totp_required");
    refused(&call(&app, login("admin", Some(&other))).await, 401, "totp_wrong");
    refused(&call(&app, login("admin", Some(&shown(secret, 0)))).await, 401, "totp_wrong");
    let next = shown(secret, 1);
    let wrong = json!({"username": "admin", "password": "wrong", "code": next});
    refused(&call(&app, request("POST", "/api/v1/auth/login").set_json(wrong)).await, 401, "invalid_credentials");
    assert_eq!(call(&app, login("admin", Some(&next))).await.status, 200, "a wrong password has not used it up");
    refused(&call(&app, login("admin", Some(&next))).await, 401, "totp_wrong");
    assert_eq!(call(&app, login("operator", None)).await.status, 200, "others are not asked");

    let lines = audit::list(&mut site.db.conn(), &AuditFilter::default(), Page::first(100)).unwrap();
    let written = format!("{lines:?}");
    assert!(written.contains("second-factor-confirm") && written.contains(r#"second_factor\":\"code"#), "{written}");
    site.db.conn().batch_execute("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let dump = std::fs::read(&site.db.path).unwrap();
    let raw = read(secret);
    for hidden in [secret.as_bytes(), raw.bytes(), confirmed.json["recovery_codes"][0].as_str().unwrap().as_bytes()] {
        assert!(!dump.windows(hidden.len()).any(|window| window == hidden), "a secret is readable in the database");
        assert!(!written.contains(&String::from_utf8_lossy(hidden).into_owned()));
    }
}

#[actix_web::test]
async fn a_recovery_code_opens_once_and_people_are_told() {
    let site = Site::new();
    let app = site.app().await;
    let token = site.token("operator");
    let (secret, codes) = set_up(&app, &token).await;
    let sloppy = codes[0].to_lowercase().replace('-', " ");
    assert_eq!(call(&app, login("operator", Some(&sloppy))).await.status, 200);
    refused(&call(&app, login("operator", Some(&codes[0]))).await, 401, "totp_wrong");
    let Some(Post::Event(event)) = site.inbox.as_ref().unwrap().next() else { panic!("nobody was told") };
    assert!(event.title == "Recovery Code Used" && event.message.contains("9 are left"), "{event:?}");

    let again = |code: &str| {
        with(&token, "POST", &format!("{PATH}/recovery-codes"), json!({"password": PASSWORD, "code": code}))
    };
    refused(&call(&app, again("")).await, 401, "totp_required");
    let new = call(&app, again(&codes[1])).await;
    assert_eq!(new.json["recovery_codes"].as_array().map(Vec::len), Some(10), "{new:?}");
    refused(&call(&app, login("operator", Some(&codes[2]))).await, 401, "totp_wrong");
    time_passes(&site);
    assert_eq!(call(&app, login("operator", Some(&shown(&secret, 0)))).await.status, 200);
}

#[actix_web::test]
async fn guessing_at_codes_is_slowed_down_also_with_the_right_password_in_between() {
    let site = Site::new();
    let app = site.app().await;
    let (secret, _) = set_up(&app, &site.token("admin")).await;
    let wrong = shown("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 0);
    for _ in 0..5 {
        refused(&call(&app, login("admin", None)).await, 401, "totp_required");
        refused(&call(&app, login("admin", Some(&wrong))).await, 401, "totp_wrong");
    }
    time_passes(&site);
    refused(&call(&app, login("admin", Some(&shown(&secret, 0)))).await, 429, "too_many_attempts");
    refused(&call(&app, login("admin", None)).await, 429, "too_many_attempts");
}

#[actix_web::test]
async fn it_goes_with_password_and_code_or_by_an_administrator() {
    let site = Site::new();
    let app = site.app().await;
    let token = site.token("operator");
    let disable = |body: Value| with(&token, "POST", &format!("{PATH}/disable"), body);
    refused(&call(&app, disable(json!({"password": PASSWORD, "code": "1"}))).await, 409, "no_second_factor");
    let (secret, codes) = set_up(&app, &token).await;
    refused(&call(&app, disable(json!({"password": "wrong", "code": codes[0]}))).await, 401, "wrong_password");
    refused(&call(&app, disable(json!({"password": PASSWORD, "code": "000"}))).await, 401, "totp_wrong");
    time_passes(&site);
    let gone = call(&app, disable(json!({"password": PASSWORD, "code": shown(&secret, 0)}))).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert_eq!(call(&app, login("operator", None)).await.status, 200);

    set_up(&app, &token).await;
    let conn = &mut *site.db.conn();
    let of = |conn: &mut _, name: &str| users::find_by_name(conn, name).unwrap().unwrap().id;
    let (operator, admin) = (of(conn, "operator"), of(conn, "admin"));
    let reset = |role, id: i32| site.request(role, "DELETE", &format!("/api/v1/users/{id}/second-factor"));
    assert_eq!(call(&app, reset(Role::Operator, operator)).await.status, 403);
    assert_eq!(call(&app, reset(Role::Admin, admin)).await.status, 400, "one's own needs password and code");
    let listed = call(&app, site.request(Role::Admin, "GET", "/api/v1/users")).await.json;
    let with_one: Vec<&Value> =
        listed.as_array().unwrap().iter().filter(|user| user["second_factor"] == true).collect();
    assert!(with_one.len() == 1 && with_one[0]["username"] == "operator", "{listed}");
    assert_eq!(call(&app, reset(Role::Admin, operator)).await.status, 200);
    let line = audit::list(conn, &AuditFilter::default(), Page::first(1)).unwrap().remove(0);
    assert_eq!((line.action.as_str(), line.resource_id), ("delete-second-factor", Some(operator)), "{line:?}");
    assert_eq!(call(&app, with(&token, "GET", "/api/v1/auth/me", Value::Null)).await.status, 401, "their logins end");
    assert_eq!(call(&app, login("operator", None)).await.status, 200);
    assert_eq!(call(&app, reset(Role::Admin, operator)).await.status, 404);
}

#[actix_web::test]
async fn who_must_have_one_can_do_nothing_else_before() {
    let site = Site::new();
    let mut config = site.services.config.get_ref().clone();
    config.auth.second_factor_roles = vec![Role::Operator];
    let mut services = site.services.clone();
    services.auth = Data::new(Auth::open(&config).unwrap());
    services.config = Data::new(config);
    let app = actix_web::test::init_service(crate::web::server::app(services, |_| {})).await;

    let answer = call(&app, login("operator", None)).await;
    assert_eq!((answer.status, &answer.json["second_factor_missing"]), (200, &json!(true)), "{answer:?}");
    assert_eq!(call(&app, login("admin", None)).await.json["second_factor_missing"], false);
    let token = answer.json["token"].as_str().unwrap();
    let about =
        |token: &str| request("GET", "/api/v1/about").insert_header(("authorization", format!("Bearer {token}")));
    refused(&call(&app, about(token)).await, 403, "second_factor_required");
    assert_eq!(call(&app, with(token, "GET", PATH, Value::Null)).await.json["required"], true);
    assert_eq!(call(&app, with(token, "GET", "/api/v1/auth/me", Value::Null)).await.status, 200);
    assert_eq!(call(&app, about(&site.token("admin"))).await.status, 200, "other roles");

    // programs, and what the server does in the name of a user
    let program = request("GET", "/api/v1/about").insert_header(("x-api-key", site.api_key(Role::Operator, None).1));
    assert_eq!(call(&app, program).await.status, 200);
    let user = users::find_by_name(&mut site.db.conn(), "operator").unwrap().unwrap();
    assert_eq!(call(&app, about(&site.services.auth.tokens.for_a_moment(&user).unwrap())).await.status, 200);

    let (_, codes) = set_up(&app, token).await;
    assert_eq!(call(&app, about(token)).await.status, 200);
    let next = call(&app, login("operator", Some(&codes[0]))).await;
    assert_eq!((next.status, &next.json["second_factor_missing"]), (200, &json!(false)), "{next:?}");
}

#[actix_web::test]
async fn with_another_master_key_recovery_codes_still_open() {
    let site = Site::new();
    let app = site.app().await;
    let (secret, codes) = set_up(&app, &site.token("admin")).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let mut services = site.services.clone();
    services.keys = Data::new(KeyStore::new(MasterKey::for_recovery(elsewhere.path()).unwrap()));
    let app = actix_web::test::init_service(crate::web::server::app(services, |_| {})).await;
    time_passes(&site);
    let answer = call(&app, login("admin", Some(&shown(&secret, 0)))).await;
    refused(&answer, 500, "second_factor_damaged");
    assert_eq!(call(&app, login("admin", Some(&codes[0]))).await.status, 200);
}
