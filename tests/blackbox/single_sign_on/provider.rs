//! An OpenID provider of the tests' own: it says of people what a test wants, signed as a test wants.

use crate::notify::receiver::{Receiver, Reply, Request};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

pub const CLIENT: &str = "tapes & more";
pub const SECRET: &str = "s3cret:of+ours";

/// How it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Rsa,
    Elliptic,
    /// Not at all.
    None,
    /// With its public key, as if that were a secret.
    Confused,
    /// With a key that it does not tell.
    Stranger,
}

/// What it is like now.
pub struct State {
    pub issuer: String,
    pub signed: Signed,
    /// What it says of whoever logs in; null takes a claim away.
    pub claims: Value,
    /// What it says when it is asked again.
    pub userinfo: Option<Value>,
    /// What it says of itself, if not the truth.
    pub discovery: Option<Reply>,
    pub keys_asked: usize,
    rsa: Rsa<Private>,
    elliptic: EcKey<Private>,
    name: String,
    codes: HashMap<String, HashMap<String, String>>,
}

pub struct Provider {
    pub receiver: Receiver,
    state: Arc<Mutex<State>>,
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The pairs of a form or of the query of an address.
pub fn pairs(text: &str) -> HashMap<String, String> {
    reqwest::Url::parse(&format!("http://x/?{text}")).unwrap().query_pairs().into_owned().collect()
}

impl Provider {
    pub fn start() -> Provider {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let state = State {
            issuer: String::new(),
            signed: Signed::Rsa,
            claims: json!({}),
            userinfo: None,
            discovery: None,
            keys_asked: 0,
            rsa: Rsa::generate(2048).unwrap(),
            elliptic: EcKey::generate(&group).unwrap(),
            name: "first".into(),
            codes: HashMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let receiver = Receiver::start(move |request| shared.lock().unwrap().answer(request));
        state.lock().unwrap().issuer = receiver.url.clone();
        Provider { receiver, state }
    }

    pub fn now(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What it says of whoever logs in next.
    pub fn says(&self, claims: Value) {
        self.now().claims = claims;
    }

    /// Somebody was sent to it and says yes: what to send back.
    pub fn approve(&self, url: &str) -> String {
        let asked = pairs(url.split_once('?').unwrap().1);
        let code = format!("c0de-{}", asked["state"]);
        let back = format!("{}?code={code}&state={}", asked["redirect_uri"], asked["state"]);
        self.now().codes.insert(code, asked);
        back
    }

    /// It has other keys from now on.
    pub fn rotate(&self) {
        let mut state = self.now();
        state.rsa = Rsa::generate(2048).unwrap();
        state.name = format!("{}-next", state.name);
    }
}

impl State {
    fn answer(&mut self, request: &Request) -> Reply {
        let ok = |value: Value| Reply::Answer(200, value.to_string());
        match request.path.as_str() {
            "/.well-known/openid-configuration" => self.discovery.clone().unwrap_or_else(|| ok(self.metadata())),
            "/keys" => {
                self.keys_asked += 1;
                ok(json!({"keys": self.keys()}))
            }
            "/token" => self.token(request),
            "/userinfo" => match self.userinfo.clone().filter(|_| request.header("authorization") == "Bearer acce55") {
                Some(more) => ok(more),
                None => Reply::Answer(401, "{}".into()),
            },
            _ => Reply::Answer(404, "{}".into()),
        }
    }

    pub fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let mut known = json!({
            "issuer": self.issuer, "authorization_endpoint": at("/authorize?tenant=1"), "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"),
        });
        if self.userinfo.is_some() {
            known["userinfo_endpoint"] = at("/userinfo").into();
        }
        known
    }

    /// Those for encryption and of a kind that nobody knows are passed over.
    fn keys(&self) -> Vec<Value> {
        let (n, e) = (text(&self.rsa.n().to_vec()), text(&self.rsa.e().to_vec()));
        let (mut x, mut y) = (openssl::bn::BigNum::new().unwrap(), openssl::bn::BigNum::new().unwrap());
        let mut context = BigNumContext::new().unwrap();
        self.elliptic.public_key().affine_coordinates(self.elliptic.group(), &mut x, &mut y, &mut context).unwrap();
        let padded = |number: &openssl::bn::BigNum| text(&number.to_vec_padded(32).unwrap());
        vec![
            json!({"kty": "RSA", "kid": self.name, "use": "enc", "alg": "RSA-OAEP", "n": n, "e": e}),
            json!({"kty": "LATTICE", "kid": self.name, "q": 7}),
            json!({"kty": "RSA", "kid": self.name, "use": "sig", "alg": "RS256", "n": n, "e": e}),
            json!({"kty": "EC", "kid": self.name, "use": "sig", "crv": "P-256", "x": padded(&x), "y": padded(&y)}),
        ]
    }

    fn token(&mut self, request: &Request) -> Reply {
        let refuse = |error: &str| Reply::Answer(400, json!({"error": error}).to_string());
        let form = pairs(std::str::from_utf8(&request.body).unwrap());
        let login = "tapes+%26+more:s3cret%3Aof%2Bours";
        if request.header("authorization") != format!("Basic {}", STANDARD.encode(login)) {
            return refuse("invalid_client");
        }
        let Some(asked) = self.codes.remove(&form["code"]) else { return refuse("invalid_grant") };
        let hash = text(&openssl::sha::sha256(form["code_verifier"].as_bytes()));
        if hash != asked["code_challenge"] || form["redirect_uri"] != asked["redirect_uri"] {
            return refuse("invalid_grant");
        }
        let id_token = self.id_token(&asked["nonce"]);
        Reply::Answer(200, json!({"access_token": "acce55", "token_type": "Bearer", "id_token": id_token}).to_string())
    }

    fn id_token(&self, nonce: &str) -> String {
        let now = chrono::Utc::now().timestamp();
        let usual = json!({
            "iss": self.issuer, "sub": "subject-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce,
            "preferred_username": "ann", "groups": ["tape-operators"],
        });
        let mut claims: Map<String, Value> = usual.as_object().unwrap().clone();
        claims.extend(self.claims.as_object().unwrap().clone());
        claims.retain(|_, value| !value.is_null());
        let algorithm = match self.signed {
            Signed::Rsa | Signed::Stranger => "RS256",
            Signed::Elliptic => "ES256",
            Signed::None => "none",
            Signed::Confused => "HS256",
        };
        let head = json!({"alg": algorithm, "kid": self.name, "typ": "JWT"});
        let message =
            format!("{}.{}", text(head.to_string().as_bytes()), text(Value::Object(claims).to_string().as_bytes()));
        format!("{message}.{}", text(&self.signature(message.as_bytes())))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let with = |key: PKey<Private>| {
            Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(message).unwrap()
        };
        match self.signed {
            Signed::Rsa => with(PKey::from_rsa(self.rsa.clone()).unwrap()),
            Signed::Stranger => with(PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()),
            Signed::None => Vec::new(),
            Signed::Confused => with(PKey::hmac(&self.rsa.public_key_to_pem().unwrap()).unwrap()),
            Signed::Elliptic => {
                let pair = EcdsaSig::sign(&openssl::sha::sha256(message), &self.elliptic).unwrap();
                [pair.r().to_vec_padded(32).unwrap(), pair.s().to_vec_padded(32).unwrap()].concat()
            }
        }
    }
}
