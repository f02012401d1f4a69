//! A receiver of webhooks: answers as it is told and remembers what came.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

/// What came.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, byte for byte.
    pub body: String,
    /// What was answered; 0 for nothing.
    pub answered: u16,
}

impl Message {
    /// A header field, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
    /// Whether the reference library of Standard Webhooks takes it for genuine.
    pub fn is_signed_by(&self, secret: &str) -> bool {
        use standardwebhooks::Webhook;
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.header(name).parse().expect("a header field"));
        }
        Webhook::new(secret).expect("a secret").verify(self.body.as_bytes(), &headers).is_ok()
    }
}

/// What to answer: a whole response, or nothing for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A status.
    Status(u16),
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing: the connection stays open.
    Silence,
}

/// A receiver on a port of its own.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Its port on 127.0.0.1.
    pub port: u16,
    messages: Arc<Mutex<Vec<Message>>>,
    connections: Arc<AtomicUsize>,
}

impl Receiver {
    /// Answers each message as told, with its number from 0 on.
    pub fn start(answer: impl Fn(usize, &Message) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let receiver =
            Self { port: listener.local_addr().expect("an address").port(), messages: Arc::default(), connections: Arc::default() };
        let (kept, answer) = (receiver.clone(), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                kept.connections.fetch_add(1, Ordering::SeqCst);
                let (kept, answer) = (kept.clone(), Arc::clone(&answer));
                thread::spawn(move || while kept.serve(&stream, &*answer).is_some() {});
            }
        });
        receiver
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }
    /// Everything that came.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("messages").clone()
    }
    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// One request of a connection; whether another may come.
    fn serve(&self, mut stream: &TcpStream, answer: &dyn Fn(usize, &Message) -> Reply) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
                None => break,
            }
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let message = Message { headers, body: String::from_utf8_lossy(&body).into_owned(), answered: 0 };
        let place = {
            let mut all = self.messages.lock().expect("messages");
            all.push(message.clone());
            all.len() - 1
        };
        match answer(place, &message) {
            Reply::Status(status) => {
                self.messages.lock().expect("messages")[place].answered = status;
                stream.write_all(format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n").as_bytes()).ok()
            }
            Reply::Raw(bytes) => {
                drop(stream.write_all(&bytes));
                None
            }
            Reply::Silence => {
                thread::sleep(Duration::from_mins(1));
                None
            }
        }
    }
}
