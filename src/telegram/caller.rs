//! Requests to this server's own REST API, in the name of a user.

use crate::auth::Auth;
use crate::db::{Conn, DbPool, users};
use crate::{Error, Result};
use reqwest::{Client, Method};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Where the API is, and who makes logins.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: Client,
    auth: Arc<Auth>,
    db: DbPool,
}

/// The API, in the name of one user.
#[derive(Clone)]
pub struct Caller {
    api: Api,
    token: String,
}

/// What the API refused, in its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl Api {
    /// The API of the server that listens at `address`, with TLS or without.
    pub fn new(address: SocketAddr, tls: bool, auth: Arc<Auth>, db: DbPool) -> Result<Api> {
        // No proxy, no redirection: it never leaves this machine. The certificate speaks for the name that people use and not for
        // this address; that it is our own server which answers is sure without it: the port is ours as long as we live.
        let client = Client::builder()
            .no_proxy()
            .danger_accept_invalid_certs(tls)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| Error::internal(format!("the bot's HTTP client cannot be made: {error}")))?;
        let scheme = if tls { "https" } else { "http" };
        Ok(Api { base: format!("{scheme}://{}/api/v1", reachable(address)), client, auth, db })
    }

    /// In the name of this user.
    pub async fn as_user(&self, id: i32) -> Result<Caller> {
        let auth = self.auth.clone();
        let token = self.query(move |conn| auth.tokens.for_a_moment(&users::find(conn, id)?)).await?;
        Ok(Caller { api: self.clone(), token })
    }

    /// Database work, on a thread that may block.
    pub async fn query<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let db = self.db.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut *db.get()?)).await;
        done.map_err(|_| Error::internal("a query of the bot ended in a program error"))?
    }
}

/// Whoever listens everywhere is reached at home.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Caller {
    /// Reads.
    pub async fn get(&self, path: &str) -> Result<Value, Refused> {
        self.send(Method::GET, path, None).await
    }

    /// Does.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, Refused> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Refused> {
        let lost = |error: reqwest::Error| Refused(format!("the server does not answer: {}", error.without_url()));
        let url = format!("{}/{path}", self.api.base);
        let mut request = self.api.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let said = value["error"].as_str().map(str::to_owned);
        Err(Refused(said.unwrap_or_else(|| format!("the server answered {status}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_reached_where_it_listens() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("10.0.0.5:80"), "10.0.0.5:80");
    }
}
