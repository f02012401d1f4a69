//! The other side of what is sent: a mail server and a bot's interface that keep what they are given, and refuse what a test tells them to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub struct Mail {
    /// Whom the envelope names.
    pub to: String,
    /// Headers and body.
    pub raw: String,
}

impl Mail {
    /// Headers and bodies as they are read: encoded words and quoted-printable or base64 parts decoded.
    pub fn read(&self) -> String {
        let unfolded = self.raw.replace("\r\n ", " ");
        let mut text = String::new();
        let mut encoding = String::new();
        let (mut body, mut in_body) = (String::new(), false);
        let flush = |body: &mut String, encoding: &str, text: &mut String| {
            text.push_str(&match encoding {
                "base64" => String::from_utf8_lossy(&base64(body)).into_owned(),
                "quoted-printable" => quoted(body, false),
                _ => std::mem::take(body),
            });
            body.clear();
        };
        for line in unfolded.lines() {
            if line.starts_with("--") {
                flush(&mut body, &encoding, &mut text);
                in_body = false;
                encoding.clear();
                continue;
            }
            if in_body {
                body.push_str(line);
                body.push('\n');
            } else if line.is_empty() {
                in_body = true;
            } else {
                if let Some(named) = line.to_ascii_lowercase().strip_prefix("content-transfer-encoding:") {
                    named.trim().clone_into(&mut encoding);
                }
                text.push_str(&words(line));
                text.push('\n');
            }
        }
        flush(&mut body, &encoding, &mut text);
        text
    }
}

/// Encoded words (RFC 2047) of a header.
fn words(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once("=?") {
        text.push_str(before);
        let mut fields = after.splitn(3, '?');
        let (_, kind, coded) = (fields.next(), fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let (coded, after) = coded.split_once("?=").unwrap_or((coded, ""));
        text.push_str(&if kind.eq_ignore_ascii_case("b") {
            String::from_utf8_lossy(&base64(coded)).into_owned()
        } else {
            quoted(coded, true)
        });
        // the space between two words is none
        rest = after.strip_prefix(' ').filter(|after| after.starts_with("=?")).unwrap_or(after);
    }
    text.push_str(rest);
    text
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u32> = text.bytes().filter_map(digit).map(u32::from).collect();
    let mut bytes = Vec::new();
    for group in digits.chunks(4) {
        let value = group.iter().fold(0, |sum, digit| sum << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend(value.to_be_bytes()[1..group.len().max(1)].iter());
    }
    bytes
}

fn quoted(text: &str, header: bool) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.replace("=\n", "").into_bytes().into_iter());
    while let Some(byte) = rest.next() {
        match byte {
            b'=' => {
                let pair = [rest.next().unwrap_or(b'0'), rest.next().unwrap_or(b'0')];
                bytes.push(u8::from_str_radix(&String::from_utf8_lossy(&pair), 16).unwrap_or(b'?'));
            }
            b'_' if header => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

type Kept<T> = Arc<Mutex<Vec<T>>>;

fn all<T: Clone>(kept: &Kept<T>) -> Vec<T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn keep<T>(kept: &Kept<T>, one: T) -> usize {
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.push(one);
    kept.len()
}

/// A mail server. An address with `refused` in it is refused for good, one with `later` the first time.
#[derive(Debug, Clone)]
pub struct MailSink {
    /// How it is reached: `smtp://…`.
    pub url: String,
    kept: Kept<Mail>,
    asked: Kept<String>,
}

impl MailSink {
    /// One on a free port, for the rest of the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let sink = Self { url, kept: Arc::default(), asked: Arc::default() };
        let own = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = own.clone();
                std::thread::spawn(move || sink.talk(stream));
            }
        });
        sink
    }
    /// What arrived for an address.
    pub fn mails(&self, to: &str) -> Vec<Mail> {
        all(&self.kept).into_iter().filter(|mail| mail.to == to).collect()
    }
    /// How often somebody wanted to send to an address.
    pub fn asked(&self, to: &str) -> usize {
        all(&self.asked).iter().filter(|asked| *asked == to).count()
    }
    fn talk(&self, stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        stream.write_all(b"220 sink ESMTP\r\n").ok()?;
        let mut to = String::new();
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let command = line.trim().to_ascii_uppercase();
            let answer: &[u8] = if command.starts_with("EHLO") || command.starts_with("HELO") {
                b"250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
            } else if command.starts_with("RCPT") {
                line.split('<').nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default().clone_into(&mut to);
                keep(&self.asked, to.clone());
                if to.contains("refused") {
                    b"550 5.1.1 nobody here\r\n"
                } else if to.contains("later") && self.asked(&to) == 1 {
                    b"451 4.7.1 try again\r\n"
                } else {
                    b"250 ok\r\n"
                }
            } else if command == "DATA" {
                stream.write_all(b"354 go on\r\n").ok()?;
                let mut raw = String::new();
                loop {
                    let mut line = String::new();
                    if lines.read_line(&mut line).ok()? == 0 {
                        return None;
                    }
                    if line == ".\r\n" {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                keep(&self.kept, Mail { to: to.clone(), raw });
                b"250 kept\r\n"
            } else if command.starts_with("QUIT") {
                stream.write_all(b"221 bye\r\n").ok()?;
                return None;
            } else {
                b"250 ok\r\n"
            };
            stream.write_all(answer).ok()?;
        }
    }
}

/// The interface of a bot. Chat 403 blocked it, chat 429 wants to be left alone for a second first.
#[derive(Debug, Clone)]
pub struct BotSink {
    /// Its address.
    pub url: String,
    kept: Kept<(String, Value)>,
}

impl BotSink {
    /// One on a free port, for the rest of the process.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let sink = Self { url, kept: Arc::default() };
        let own = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = own.clone();
                std::thread::spawn(move || sink.answer(stream));
            }
        });
        sink
    }
    /// What was sent to a chat: path and body.
    pub fn messages(&self, chat: &str) -> Vec<(String, Value)> {
        all(&self.kept).into_iter().filter(|(_, body)| body["chat_id"] == chat).collect()
    }
    fn answer(&self, mut stream: TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream.try_clone().ok()?);
        let mut first = String::new();
        lines.read_line(&mut first).ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).ok()?;
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        let path = first.split(' ').nth(1)?.to_owned();
        let chat = body["chat_id"].as_str()?.to_owned();
        keep(&self.kept, (path, body));
        let (status, said) = match chat.as_str() {
            "403" => (403, json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"})),
            "429" if self.messages("429").len() == 1 => {
                (429, json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 1}}))
            }
            _ => (200, json!({"ok": true, "result": {"message_id": 1}})),
        };
        let said = said.to_string();
        let head =
            format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(said.as_bytes()).ok()
    }
}
