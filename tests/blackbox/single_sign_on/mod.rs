//! Logging in at an OpenID provider: a provider of the tests' own, and a browser that goes to and fro.

mod provider;

use crate::notify::receiver::Reply;
use crate::server::{PASSWORD, Server};
use provider::{CLIENT, Provider, SECRET, Signed, pairs};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The server asks a provider that failed, and one for its new keys, again after this.
const AGAIN: Duration = Duration::from_millis(5200);

fn house(provider: &Provider, more: &[(&str, &str)]) -> Server {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let settings = [
        ("SERVER__PORT", port.as_str()),
        ("SERVER__REQUESTS_PER_SECOND", "0"),
        ("AUTH__LOGIN_ATTEMPTS", "1000"),
        ("OIDC__ISSUER", provider.receiver.url.as_str()),
        ("OIDC__PUBLIC_URL", url.as_str()),
        ("OIDC__CLIENT_ID", CLIENT),
        ("OIDC__CLIENT_SECRET", SECRET),
        ("OIDC__DISPLAY_NAME", "The House"),
        ("OIDC__ADMIN_VALUES", "tape-admins"),
        ("OIDC__OPERATOR_VALUES", "tape-operators"),
        ("OIDC__READONLY_VALUES", "staff"),
    ];
    Server::with_settings(&[&settings[..], more].concat())
}

/// A browser: it keeps cookies, and follows where it is led one step at a time.
struct Browser {
    http: reqwest::blocking::Client,
    cookies: HashMap<String, String>,
    /// The last `Set-Cookie`s.
    set: Vec<String>,
}

impl Browser {
    fn new() -> Browser {
        let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(60)).build().unwrap();
        Browser { http, cookies: HashMap::new(), set: Vec::new() }
    }

    /// Status, and where it is led or what it reads.
    fn get(&mut self, url: &str) -> (u16, String) {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.get(url).header("cookie", cookies.join("; ")).header("sec-fetch-site", "same-origin");
        let answer = request.send().unwrap();
        self.set = answer.headers().get_all("set-cookie").iter().map(|it| it.to_str().unwrap().to_owned()).collect();
        for cookie in &self.set {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let location = answer.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        (status, location.unwrap_or_else(|| answer.text().unwrap()))
    }

    /// Begins: where the server sends it.
    fn begin(&mut self, server: &Server, to: &str) -> String {
        let to: String = form(to);
        let (status, location) = self.get(&format!("{}/api/v1/auth/oidc/start?to={to}", server.api.base));
        assert_eq!(status, 302, "{location}");
        location
    }

    /// All the way: where it is in the end, with what stands in the address.
    fn log_in(&mut self, server: &Server, provider: &Provider) -> HashMap<String, String> {
        let away = self.begin(server, "/pools");
        if away.starts_with('/') {
            return asked(&away);
        }
        let (status, location) = self.get(&provider.approve(&away));
        assert_eq!(status, 303, "{location}");
        asked(&location)
    }

    /// What the server says it is now.
    fn me(&mut self, server: &Server) -> (u16, Value) {
        let (status, text) = self.get(&format!("{}/api/v1/auth/me", server.api.base));
        (status, serde_json::from_str(&text).unwrap())
    }
}

fn form(text: &str) -> String {
    let mut url = reqwest::Url::parse("http://x").unwrap();
    url.query_pairs_mut().append_pair("v", text);
    url.query().unwrap()[2..].to_owned()
}

/// The words in the address of the login page.
#[track_caller]
fn asked(location: &str) -> HashMap<String, String> {
    let (page, query) = location.split_once('?').unwrap();
    assert_eq!(page, "/login", "{location}");
    pairs(query)
}

/// A login that must be refused for this reason.
#[track_caller]
fn refused(server: &Server, provider: &Provider, reason: &str) {
    let mut browser = Browser::new();
    let landed = browser.log_in(server, provider);
    assert_eq!(landed.get("refused").map(String::as_str), Some(reason), "{landed:?}");
    assert_eq!(browser.me(server).0, 401, "nobody is logged in");
}

#[track_caller]
fn logged_in(server: &Server, provider: &Provider) -> Browser {
    let mut browser = Browser::new();
    let landed = browser.log_in(server, provider);
    assert_eq!(landed.get("by").map(String::as_str), Some("provider"), "{landed:?}");
    assert_eq!(landed.get("to").map(String::as_str), Some("/pools"), "{landed:?}");
    browser
}

/// The last line of the audit trail about logins here.
fn last_line(server: &Server) -> Value {
    let lines = server.api.get("/api/v1/logs/audit?limit=50").ok();
    let lines = lines["items"].as_array().or(lines.as_array()).unwrap_or_else(|| panic!("{lines}")).clone();
    lines.into_iter().find(|line| line["action"] == "login-by-provider").expect("a line")
}

#[test]
fn the_first_login_makes_a_user_and_each_one_takes_the_role_anew() {
    let provider = Provider::start();
    let server = house(&provider, &[]);
    let listed = server.api.get("/api/v1/auth/providers").ok();
    assert_eq!(listed[0]["name"], "The House");
    assert_eq!(listed[0]["start"], format!("{}/api/v1/auth/oidc/start", server.api.base));

    let mut ann = Browser::new();
    let away = ann.begin(&server, "/pools");
    assert!(away.starts_with(&format!("{}/authorize?tenant=1&", provider.receiver.url)), "{away}");
    let params = pairs(away.split_once('?').unwrap().1);
    assert_eq!((params["scope"].as_str(), params["code_challenge_method"].as_str()), ("openid profile", "S256"));
    assert_eq!(params["redirect_uri"], format!("{}/api/v1/auth/oidc/callback", server.api.base));
    assert!(params["state"].len() > 40 && params["nonce"].len() > 40, "{params:?}");
    let cookie = &ann.set[0];
    for word in ["HttpOnly", "SameSite=Lax", "Path=/api/v1/auth/oidc", "Max-Age=600"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains(&params["state"]) && !away.contains(cookie.split(['=', ';']).nth(1).unwrap()));
    let (status, location) = ann.get(&provider.approve(&away));
    assert_eq!((status, location.as_str()), (303, "/login?by=provider&to=%2Fpools"));
    assert!(ann.set.iter().any(|cookie| cookie.contains("SameSite=Strict")), "{:?}", ann.set);
    assert_eq!(ann.cookies.len(), 1, "the one of the way is gone: {:?}", ann.cookies);
    let (_, me) = ann.me(&server);
    assert_eq!((&me["username"], &me["role"]), (&json!("ann"), &json!("operator")));
    let line = last_line(&server);
    assert_eq!((&line["username"], &line["outcome"]), (&json!("ann"), &json!("ok")), "{line}");
    assert!(line.to_string().contains("subject-1") && !line.to_string().contains("c0de"), "{line}");

    let users = server.api.get("/api/v1/users").ok();
    let user = users.as_array().unwrap().iter().find(|user| user["username"] == "ann").unwrap().clone();
    assert_eq!((&user["identity"]["subject"], &user["password"]), (&json!("subject-1"), &json!(false)), "{user}");
    let path = format!("/api/v1/users/{}", user["id"]);
    let put = |what: &str, body: Value| server.api.send("PUT", &format!("{path}/{what}"), Some(&body));
    put("password", json!({"password": "another password"})).fails(409, "provider_user");
    let guess = json!({"username": "ann", "password": "!"});
    server.api.post("/api/v1/auth/login", guess).fails(401, "invalid_credentials");

    // another name at the provider is the same user; another role is another role, and the login before is over
    provider.says(json!({"preferred_username": "anna", "groups": ["staff", "tape-admins"]}));
    let mut again = logged_in(&server, &provider);
    let (_, me) = again.me(&server);
    assert_eq!((&me["username"], &me["role"], &me["id"]), (&json!("ann"), &json!("admin"), &user["id"]));
    assert_eq!(ann.me(&server).0, 401);
    assert!(last_line(&server).to_string().contains("role_before"), "{}", last_line(&server));

    provider.says(json!({"groups": ["others"]}));
    refused(&server, &provider, "no_role");
    assert_eq!(again.me(&server).0, 401, "who has no role any more is out");
    let line = last_line(&server);
    assert_eq!((&line["outcome"], &line["username"]), (&json!("denied"), &json!("ann")), "{line}");

    provider.says(json!({}));
    let mut ann = logged_in(&server, &provider);
    put("disabled", json!({"disabled": true})).ok();
    assert_eq!(ann.me(&server).0, 401);
    refused(&server, &provider, "user_disabled");
    put("disabled", json!({"disabled": false})).ok();
    logged_in(&server, &provider);

    // where claims are not in the token, the provider is asked for them; not if it speaks of somebody else
    provider.says(json!({"groups": null}));
    refused(&server, &provider, "no_role");
    let other = house(&provider, &[("OIDC__ROLE_CLAIM", "resource.roles")]);
    provider.now().userinfo = Some(json!({"sub": "subject-1", "resource": {"roles": "staff"}}));
    let (_, me) = logged_in(&other, &provider).me(&other);
    assert_eq!(me["role"], "readonly");
    provider.now().userinfo = Some(json!({"sub": "subject-2", "resource": {"roles": "tape-admins"}}));
    refused(&other, &provider, "bad_token");
}

#[test]
fn a_token_that_is_not_for_this_login_opens_nothing() {
    let provider = Provider::start();
    let server = house(&provider, &[]);
    let now = chrono::Utc::now().timestamp();
    for claims in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"aud": "somebody else"}),
        json!({"aud": null}),
        json!({"aud": [CLIENT, "somebody else"]}),
        json!({"azp": "somebody else"}),
        json!({"iss": "https://id.example.org"}),
        json!({"iss": [provider.receiver.url]}),
        json!({"iss": null}),
        json!({"exp": now - 1}),
        json!({"exp": null}),
        json!({"exp": "tomorrow"}),
        json!({"iat": now + 3600}),
        json!({"nbf": now + 3600}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": "x".repeat(256)}),
        json!({"sub": "a\u{0}b"}),
    ] {
        eprintln!("{claims}");
        provider.says(claims);
        refused(&server, &provider, "bad_token");
    }
    provider.says(json!({}));
    for signed in [Signed::None, Signed::Confused, Signed::Stranger] {
        eprintln!("{signed:?}");
        provider.now().signed = signed;
        refused(&server, &provider, "bad_token");
    }
    let line = last_line(&server);
    assert!(line["outcome"] == "denied" && line.to_string().contains("bad_token"), "{line}");
    assert_eq!(server.api.get("/api/v1/users").ok().as_array().unwrap().len(), 1, "nobody was made");
    provider.now().signed = Signed::Elliptic;
    provider.says(json!({"aud": [CLIENT, "somebody else"], "azp": CLIENT}));
    logged_in(&server, &provider);
}

#[test]
fn an_answer_counts_once_in_the_browser_that_asked_and_leads_nowhere_else() {
    let provider = Provider::start();
    let server = house(&provider, &[]);
    let mut ann = Browser::new();
    let away = ann.begin(&server, "/pools");
    let back = provider.approve(&away);
    let refusal = |(status, location): (u16, String)| {
        assert_eq!(status, 303, "{location}");
        asked(&location)["refused"].clone()
    };
    assert_eq!(refusal(Browser::new().get(&back)), "login_expired", "a browser that did not ask");
    let mut eve = Browser::new();
    eve.begin(&server, "/");
    assert_eq!(refusal(eve.get(&back)), "login_expired", "a browser that asked for something else");
    let kept = ann.cookies.clone();
    assert_eq!(ann.get(&back), (303, "/login?by=provider&to=%2Fpools".to_owned()));
    ann.cookies.extend(kept);
    assert_eq!(refusal(ann.get(&back)), "login_expired", "once more");
    for query in ["", "?state=&code=", "?code=x", "?state=a&state=b&code=c", "?state=%00&code=%ff"] {
        let url = format!("{}/api/v1/auth/oidc/callback{query}", server.api.base);
        assert_eq!(refusal(ann.get(&url)), "login_expired", "{query}");
    }

    for (error, reason) in [("access_denied", "access_denied"), ("%3Cscript%3Ealert(1)%3C/script%3E", "provider_error")]
    {
        let mut browser = Browser::new();
        let state = pairs(browser.begin(&server, "/pools").split_once('?').unwrap().1)["state"].clone();
        let answer = format!("error={error}&error_description=%3Cb%3E&state={state}");
        let (status, location) = browser.get(&format!("{}/api/v1/auth/oidc/callback?{answer}", server.api.base));
        assert_eq!((status, location), (303, format!("/login?refused={reason}&to=%2Fpools")));
    }
    let mut browser = Browser::new();
    let state = pairs(browser.begin(&server, "/").split_once('?').unwrap().1)["state"].clone();
    let mixed = format!("code=x&state={state}&iss=https%3A%2F%2Fevil.example");
    let (_, location) = browser.get(&format!("{}/api/v1/auth/oidc/callback?{mixed}", server.api.base));
    assert_eq!(location, "/login?refused=bad_token");

    for to in
        ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y"]
    {
        let mut browser = Browser::new();
        let away = browser.begin(&server, to);
        assert_eq!(browser.get(&provider.approve(&away)).1, "/login?by=provider", "{to}");
    }

    // whoever tries again and again waits, and locks nobody out who has a password
    let server = house(&provider, &[("AUTH__LOGIN_ATTEMPTS", "3"), ("AUTH__LOCKOUT_SECONDS", "60")]);
    let url = format!("{}/api/v1/auth/oidc/callback?state=x&code=y", server.api.base);
    let reasons: Vec<String> = (0..4).map(|_| refusal(Browser::new().get(&url))).collect();
    assert_eq!(reasons, ["login_expired", "login_expired", "login_expired", "too_many_attempts"]);
    server.api.post("/api/v1/auth/login", json!({"username": "admin", "password": PASSWORD})).ok();
    let lines = server.api.get("/api/v1/logs/audit?limit=50").ok().to_string();
    assert!(!lines.contains("login-by-provider"), "nobody fills the audit trail from outside: {lines}");
}

#[test]
fn keys_are_rotated_and_unknown_ones_are_not_asked_for_without_end() {
    let provider = Provider::start();
    let server = house(&provider, &[]);
    logged_in(&server, &provider);
    logged_in(&server, &provider);
    assert_eq!(provider.now().keys_asked, 1, "they are kept");
    std::thread::sleep(AGAIN);
    provider.rotate();
    logged_in(&server, &provider);
    assert_eq!(provider.now().keys_asked, 2);
    let since = Instant::now();
    for _ in 0..5 {
        provider.rotate();
        Browser::new().log_in(&server, &provider);
    }
    // on a slow machine so much time may pass between them that they are asked for
    let most = 2 + since.elapsed().as_secs() / 5 + 1;
    assert!(provider.now().keys_asked as u64 <= most, "not so soon again");
    std::thread::sleep(AGAIN);
    logged_in(&server, &provider);
}

#[test]
fn a_provider_in_trouble_keeps_nobody_from_anything_else() {
    let provider = Provider::start();
    let truth = provider.now().metadata();
    provider.now().discovery = Some(Reply::Answer(503, "{}".into()));
    let server = house(&provider, &[]);
    refused(&server, &provider, "provider_unreachable");
    server.api.post("/api/v1/auth/login", json!({"username": "admin", "password": PASSWORD})).ok();
    let with = |name: &str, value: &str| {
        let mut told = truth.clone();
        told[name] = value.into();
        Reply::Answer(200, told.to_string())
    };
    let elsewhere = format!("{}/elsewhere", provider.receiver.url);
    for trouble in [
        Reply::Redirect(302, elsewhere, truth.to_string()),
        Reply::Answer(200, " ".repeat(600 << 10) + &truth.to_string()),
        Reply::Answer(200, "<html>".into()),
        with("issuer", "https://id.example.org"),
        with("token_endpoint", "http://192.0.2.1/token"),
        with("jwks_uri", "file:///etc/passwd"),
    ] {
        std::thread::sleep(AGAIN);
        provider.now().discovery = Some(trouble);
        refused(&server, &provider, "provider_unreachable");
    }
    std::thread::sleep(AGAIN);
    provider.now().discovery = Some(Reply::Silence);
    let since = Instant::now();
    refused(&server, &provider, "provider_unreachable");
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    refused(&server, &provider, "provider_unreachable");
    assert!(since.elapsed() < Duration::from_secs(21), "a failure is remembered: {:?}", since.elapsed());
    std::thread::sleep(AGAIN);
    provider.now().discovery = None;
    logged_in(&server, &provider);
}

#[test]
fn names_are_taken_from_nobody_and_passwords_where_the_house_wants_them() {
    let provider = Provider::start();
    let server = house(&provider, &[("OIDC__PASSWORD_LOGIN", "administrators")]);
    let body = json!({"username": "Olga", "password": PASSWORD, "role": "operator"});
    server.api.post("/api/v1/users", body).ok();
    let login = json!({"username": "olga", "password": PASSWORD});
    server.api.post("/api/v1/auth/login", login).fails(403, "password_login_off");
    provider.says(json!({"preferred_username": "olga"}));
    refused(&server, &provider, "name_taken");
    let line = last_line(&server).to_string();
    assert!(line.contains("subject-1") && line.contains("name_taken"), "{line}");
    let words = server.cli_as_admin(&["user", "link", "Olga", "subject-1"]);
    assert!(words.contains("Olga"), "{words}");
    let mut olga = logged_in(&server, &provider);
    assert_eq!(olga.me(&server).1["username"], "Olga");
    server.cli_as_admin(&["user", "disable", "Olga"]);
    refused(&server, &provider, "user_disabled");
    server.cli_as_admin(&["user", "enable", "Olga"]);
    server.cli_as_admin(&["user", "unlink", "Olga"]);
    refused(&server, &provider, "name_taken");

    for name in [
        json!("x".repeat(65)),
        json!("a\u{1b}[31m"),
        json!("nimda\u{202e}"),
        json!(" ann"),
        json!(["ann"]),
        json!(null),
    ] {
        provider.says(json!({"sub": "hostile", "preferred_username": name}));
        refused(&server, &provider, "bad_name");
    }
    let markup = "<img src=x onerror=alert(1)>";
    provider
        .says(json!({"sub": "hostile", "preferred_username": markup, "groups": ["tape-admins", "x".repeat(20_000)]}));
    assert_eq!(logged_in(&server, &provider).me(&server).1["username"], markup);
}

#[test]
fn a_second_factor_that_the_house_wants_is_the_providers_to_ask_for() {
    let provider = Provider::start();
    let server = house(&provider, &[("AUTH__SECOND_FACTOR_ROLES", "operator")]);
    refused(&server, &provider, "second_factor_needed");
    provider.says(json!({"amr": ["pwd", "otp"]}));
    let mut ann = logged_in(&server, &provider);
    let (status, text) = ann.get(&format!("{}/api/v1/pools", server.api.base));
    assert_eq!(status, 200, "no code of this server is asked for: {text}");
}
