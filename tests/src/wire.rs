//! HTTP/1.1 over a bare socket: sends what it is told, also what no client library would send, and reads one answer.
//! An answer that does not come, or is cut off, is an error: the server never just closes a connection.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Path and query, as written on the request line.
    pub target: String,
    /// Header fields; `Host` and `Content-Length` are added.
    pub headers: Vec<(String, String)>,
    /// Body; none differs from an empty one by its missing length.
    pub body: Option<Vec<u8>>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Header fields in order, names as sent.
    pub headers: Vec<(String, String)>,
    /// Body without its transfer coding.
    pub body: Vec<u8>,
}

impl Response {
    /// The first field of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Sends one request and reads its answer.
pub fn exchange(address: SocketAddr, request: &Request) -> io::Result<Response> {
    let stream = connect(address)?;
    let mut bytes = Vec::new();
    write!(bytes, "{} {} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n", request.method, request.target)?;
    for (name, value) in &request.headers {
        write!(bytes, "{name}: {value}\r\n")?;
    }
    if let Some(body) = &request.body {
        write!(bytes, "content-length: {}\r\n", body.len())?;
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(request.body.as_deref().unwrap_or_default());
    // a server that refuses a body need not read it to the end: its answer counts, not our failed write
    let written = (&stream).write_all(&bytes);
    read(&stream, request.method == "HEAD").map_err(|error| if let Err(first) = written { first } else { error })
}

/// Sends these bytes and nothing more, then reads an answer.
pub fn raw(address: SocketAddr, bytes: &[u8]) -> io::Result<Response> {
    let stream = connect(address)?;
    (&stream).write_all(bytes)?;
    stream.shutdown(Shutdown::Write)?;
    read(&stream, false)
}

/// Writes these bytes and hangs up without waiting for an answer.
pub fn hang_up(address: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let stream = connect(address)?;
    (&stream).write_all(bytes)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn read(stream: &TcpStream, head_only: bool) -> io::Result<Response> {
    let mut reader = BufReader::new(stream);
    loop {
        let (status, headers) = read_head(&mut reader)?;
        if status == 100 {
            continue;
        }
        let mut response = Response { status, headers, body: Vec::new() };
        if !head_only && status != 204 && status != 304 {
            response.body = read_body(&mut reader, &response)?;
        }
        return Ok(response);
    }
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let first = read_line(reader)?;
    let status = first.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| bad(&format!("status line «{first}»")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(&format!("header «{line}»")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_body(reader: &mut impl BufRead, response: &Response) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if response.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        loop {
            let size = usize::from_str_radix(read_line(reader)?.trim(), 16).map_err(|_| bad("chunk size"))?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk);
            read_line(reader)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match response.header("content-length") {
        Some(length) => {
            body = vec![0; length.parse().map_err(|_| bad("content-length"))?];
            reader.read_exact(&mut body)?;
        }
        None => drop(reader.read_to_end(&mut body)?),
    }
    Ok(body)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection without an answer"));
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what}"))
}

/// Percent-encodes everything but unreserved characters: for one value of a query or one segment of a path.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-._~".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
