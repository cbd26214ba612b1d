//! A web server that keeps what it is sent, and answers as a test says.

use super::certificate::Certificate;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Channel, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What it answers: a status, a body, or nothing at all (the connection hangs until the other side goes).
#[derive(Debug, Clone)]
pub enum Reply {
    Answer(u16, String),
    /// The same, and where to go instead.
    #[allow(dead_code, reason = "shared between test programs")]
    Redirect(u16, String, String),
    Silence,
}

impl Reply {
    pub fn ok() -> Reply {
        Reply::Answer(200, "{}".into())
    }
}

type Plan = Arc<Mutex<Box<dyn FnMut(&Request) -> Reply + Send>>>;

/// The server.
pub struct Receiver {
    pub url: String,
    requests: Channel<Request>,
    plan: Plan,
}

impl Receiver {
    pub fn start(plan: impl FnMut(&Request) -> Reply + Send + 'static) -> Receiver {
        Receiver::listen("http", plan, |stream| Some(BufReader::new(stream)))
    }

    /// With TLS, as `localhost`.
    pub fn start_tls(certificate: &Certificate, plan: impl FnMut(&Request) -> Reply + Send + 'static) -> Receiver {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_certificate_file(&certificate.certificate, SslFiletype::PEM).unwrap();
        acceptor.set_private_key_file(&certificate.key, SslFiletype::PEM).unwrap();
        let acceptor = acceptor.build();
        Receiver::listen("https", plan, move |stream| acceptor.accept(stream).ok().map(BufReader::new))
    }

    fn listen<S: Read + Write>(
        scheme: &str,
        plan: impl FnMut(&Request) -> Reply + Send + 'static,
        open: impl Fn(TcpStream) -> Option<BufReader<S>> + Send + Sync + 'static,
    ) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let host = if scheme == "https" { format!("localhost:{}", address.port()) } else { address.to_string() };
        let (sender, requests) = channel();
        let plan: Plan = Arc::new(Mutex::new(Box::new(plan)));
        let (shared, open) = (plan.clone(), Arc::new(open));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (sender, plan, open) = (sender.clone(), shared.clone(), open.clone());
                std::thread::spawn(move || {
                    let Some(mut stream) = open(stream) else { return };
                    while serve(&mut stream, &sender, &plan).is_some() {}
                });
            }
        });
        Receiver { url: format!("{scheme}://{host}"), requests, plan }
    }

    /// From now on it answers so.
    pub fn answers(&self, plan: impl FnMut(&Request) -> Reply + Send + 'static) {
        *self.plan.lock().unwrap() = Box::new(plan);
    }

    /// What has come and was not looked at yet.
    #[allow(dead_code, reason = "shared between test programs")]
    pub fn taken(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }

    #[track_caller]
    pub fn next(&self) -> Request {
        self.requests.recv_timeout(Duration::from_secs(60)).expect("a request")
    }

    /// What came and was not looked at.
    pub fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }

    /// Nothing comes for a while.
    #[track_caller]
    pub fn nothing_for(&self, time: Duration) {
        match self.requests.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn serve(stream: &mut BufReader<impl Read + Write>, sender: &Sender<Request>, plan: &Plan) -> Option<()> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let request = Request { method, path, headers, body };
    let reply = (plan.lock().unwrap())(&request);
    sender.send(request).ok()?;
    let (status, location, body) = match reply {
        Reply::Answer(status, body) => (status, String::new(), body),
        Reply::Redirect(status, to, body) => (status, format!("Location: {to}\r\n"), body),
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
            return None;
        }
    };
    let head =
        format!("HTTP/1.1 {status} X\r\n{location}Content-Type: application/json\r\nContent-Length: {}", body.len());
    stream.get_mut().write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok()
}
