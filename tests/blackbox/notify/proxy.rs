//! Through a proxy: a tunnel for https, forwarding for http, and what is said when it is not there.

use super::certificate::Certificate;
use super::receiver::{Receiver, Reply};
use super::world::{ANN, TOKEN, World, pair, text};
use super::{BASE, channel, happen, message};
use crate::server::Server;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A proxy that asks for a login, and the first lines of what it was asked.
struct Proxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://tapes:pr0xy-pw@{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let heard = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let heard = heard.clone();
                std::thread::spawn(move || forward(stream, &heard));
            }
        });
        Proxy { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// One connection: whatever it asks for first decides where it goes.
fn forward(client: TcpStream, heard: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut line, mut head) = (String::new(), String::new());
    reader.read_line(&mut line).ok()?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        head.push_str(&header);
        if header.trim().is_empty() {
            break;
        }
    }
    let login = format!("basic {}", openssl::base64::encode_block(b"tapes:pr0xy-pw"));
    let mut answer = &client;
    if !head.to_ascii_lowercase().contains(&format!("proxy-authorization: {}", login.to_ascii_lowercase())) {
        return answer.write_all(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n").ok();
    }
    heard.lock().unwrap().push(line.trim().to_owned());
    let mut words = line.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let server = if method == "CONNECT" {
        let server = TcpStream::connect(target).ok()?;
        answer.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
        server
    } else {
        let rest = target.strip_prefix("http://")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut server = TcpStream::connect(host).ok()?;
        server.write_all(format!("{method} /{path} HTTP/1.1\r\n{head}").as_bytes()).ok()?;
        server
    };
    let (mut back, mut to_client) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut back, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    // what was read ahead belongs to the other side
    let ahead = reader.buffer().to_vec();
    let mut server = server;
    server.write_all(&ahead).ok()?;
    let mut client = client;
    copy(&mut client, &mut server)
}

fn copy(from: &mut impl Read, to: &mut TcpStream) -> Option<()> {
    std::io::copy(from, to).ok()?;
    to.shutdown(Shutdown::Write).ok()
}

#[test]
fn a_webhook_by_https_goes_through_a_tunnel() {
    let server = Server::bare();
    let certificate = Certificate::new(&server.folder("certificates"));
    let receiver = Receiver::start_tls(&certificate, |_| Reply::ok());
    let proxy = Proxy::start();
    let config =
        json!({"url": format!("{}/x", receiver.url), "ca_certificate": certificate.authority, "proxy": proxy.url});
    let id = channel(&server, "webhook", config, &["other"]);
    happen(&server, "one");
    assert!(receiver.next().json()["notification"]["message"].as_str().unwrap().contains("one"));
    message(&server, "sent");
    let host = receiver.url.trim_start_matches("https://");
    assert_eq!(proxy.asked(), [format!("CONNECT {host} HTTP/1.1")]);
    let shown = server.api.get(&format!("{BASE}/channels/{id}")).ok().to_string();
    assert!(!shown.contains("pr0xy-pw"), "{shown}");
}

#[test]
fn the_bot_and_its_messages_go_through_a_proxy() {
    let server = Server::bare();
    let (world, proxy) = (World::start(), Proxy::start());
    let config =
        json!({"bot_token": TOKEN, "chat_id": "42", "api_url": world.api.url, "proxy": proxy.url, "commands": true});
    let id = channel(&server, "telegram", config, &["other"]);
    happen(&server, "one");
    assert!(text(&world.next("a message")).contains("Source Created"));
    pair(&server, &world, id, ANN, "operator");
    let asked = proxy.asked().join("\n").to_lowercase();
    for method in ["sendmessage", "setmycommands"] {
        assert!(asked.contains(&format!("post {}/bot{}/{method}", world.api.url, TOKEN.to_lowercase())), "{asked}");
    }
}

#[test]
fn a_proxy_that_is_not_there_or_refuses_is_named_without_its_password() {
    let server = Server::bare();
    let receiver = Receiver::start(|_| Reply::ok());
    let try_out = |config: Value| {
        let body = json!({"kind": "webhook", "config": config});
        server.api.post(&format!("{BASE}/channels/try"), body).fails(422, "not_delivered")
    };
    let gone = try_out(json!({"url": receiver.url, "proxy": "http://tapes:pr0xy-pw@127.0.0.1:9"}));
    assert!(gone.to_lowercase().contains("connect") && !gone.contains("pr0xy-pw"), "{gone}");
    let wrong = Proxy::start().url.replace("pr0xy-pw", "other-pw");
    let refused = try_out(json!({"url": receiver.url, "proxy": wrong}));
    assert!(refused.contains("407") && !refused.contains("other-pw"), "{refused}");
    let body = json!({"name": "x", "kind": "webhook", "config": {"url": receiver.url, "proxy": "socks"}});
    server.api.post(&format!("{BASE}/channels"), body).fails(400, "bad_channel");
}
