//! One request a connection, with limits: the head is parsed by `httparse`, the body has a length or
//! there is none. Not for anything but a browser on this machine: no chunks, no pipelining, no keep-alive.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Bytes of a request's line and headers at most.
pub const MAX_HEAD: usize = 16 << 10;
/// Bytes of a request's body at most: a sidecar's limit and some.
pub const MAX_BODY: usize = 20 << 20;
/// Headers at most.
const MAX_HEADERS: usize = 64;
/// How long a request may take to arrive, and a reply to be taken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A request whose body is still to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// Names in lower case, values as sent, in the order in which they came.
    pub headers: Vec<(String, String)>,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body's type.
    pub kind: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A reply without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, kind: "", body: Vec::new() }
    }

    /// A body of JSON.
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self { status, kind: "application/json", body: value.to_string().into_bytes() }
    }

    /// An error in words, for the page to show.
    pub fn error(status: u16, words: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": words }))
    }
}

/// A request cannot be understood or is not waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not HTTP/1.
    #[error("not a request of HTTP/1: {0}")]
    Malformed(&'static str),
    /// More than a limit allows.
    #[error("more than {limit} bytes of {what}")]
    TooLarge {
        /// Head or body.
        what: &'static str,
        /// Bytes allowed.
        limit: usize,
    },
    /// It did not arrive in [`PATIENCE`], or the connection broke.
    #[error("the request did not arrive: {0}")]
    Io(#[from] io::Error),
}

impl RequestError {
    /// The status code that says so.
    pub fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::TooLarge { what: "head", .. } => 431,
            Self::TooLarge { .. } => 413,
            Self::Io(_) => 408,
        }
    }
}

impl Head {
    /// The value of a header that must not be there twice.
    ///
    /// # Errors
    /// It is there twice.
    pub fn single(&self, name: &str) -> Result<Option<&str>, RequestError> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| &**v);
        let first = values.next();
        match values.next() {
            Some(_) => Err(RequestError::Malformed("a header is there twice")),
            None => Ok(first),
        }
    }

    /// Bytes of the body.
    ///
    /// # Errors
    /// The length is not a number, or above [`MAX_BODY`], or the body comes in chunks.
    pub fn body_bytes(&self) -> Result<usize, RequestError> {
        if self.single("transfer-encoding")?.is_some() {
            return Err(RequestError::Malformed("a body in chunks"));
        }
        let Some(text) = self.single("content-length")? else { return Ok(0) };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RequestError::Malformed("a length that is no number"));
        }
        let too_large = RequestError::TooLarge { what: "body", limit: MAX_BODY };
        text.parse().ok().filter(|&bytes| bytes <= MAX_BODY).ok_or(too_large)
    }
}

/// Parses what has arrived; `None` if the head is not whole yet, else the head and its bytes.
///
/// # Errors
/// [`RequestError::Malformed`], or the head is longer than [`MAX_HEAD`].
pub fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, RequestError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let status = request.parse(bytes).map_err(|e| match e {
        httparse::Error::TooManyHeaders => RequestError::TooLarge { what: "head", limit: MAX_HEAD },
        _ => RequestError::Malformed("the head"),
    })?;
    let httparse::Status::Complete(end) = status else {
        let full = bytes.len() >= MAX_HEAD;
        return if full { Err(RequestError::TooLarge { what: "head", limit: MAX_HEAD }) } else { Ok(None) };
    };
    let text = |value: &[u8]| {
        let text = std::str::from_utf8(value).map(str::to_owned);
        text.map_err(|_| RequestError::Malformed("a header that is not UTF-8"))
    };
    let headers = request.headers.iter().map(|h| Ok((h.name.to_ascii_lowercase(), text(h.value)?)));
    let headers = headers.collect::<Result<_, RequestError>>()?;
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers,
    };
    Ok(Some((head, end)))
}

/// A connection from which one request is read.
pub struct Connection {
    stream: TcpStream,
    deadline: Instant,
    /// What has been read beyond the head.
    ahead: Vec<u8>,
}

impl Connection {
    /// The clock of [`PATIENCE`] starts now.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, deadline: Instant::now() + PATIENCE, ahead: Vec::new() }
    }

    /// # Errors
    /// [`RequestError`] says what is wrong with it.
    pub fn head(&mut self) -> Result<Head, RequestError> {
        let mut bytes = Vec::new();
        loop {
            self.read_some(&mut bytes, MAX_HEAD)?;
            if let Some((head, end)) = parse_head(&bytes)? {
                self.ahead = bytes.split_off(end);
                return Ok(head);
            }
        }
    }

    /// # Errors
    /// [`RequestError`] if it is too long or does not arrive.
    pub fn body(&mut self, head: &Head) -> Result<Vec<u8>, RequestError> {
        let length = head.body_bytes()?;
        let mut bytes = std::mem::take(&mut self.ahead);
        while bytes.len() < length {
            self.read_some(&mut bytes, length)?;
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// One read, so that `bytes` has at most `limit` afterwards; a client that trickles meets the deadline.
    fn read_some(&mut self, bytes: &mut Vec<u8>, limit: usize) -> Result<(), RequestError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(ErrorKind::TimedOut).into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut buffer = [0; 8192];
        let room = buffer.len().min(limit - bytes.len());
        match self.stream.read(&mut buffer[..room]) {
            Ok(0) => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(got) => {
                bytes.extend_from_slice(&buffer[..got]);
                Ok(())
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Sends the reply and ends the connection.
    ///
    /// # Errors
    /// The client has gone, or does not take it.
    pub fn reply(mut self, reply: &Reply) -> io::Result<()> {
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let deadline = Instant::now() + PATIENCE;
        self.stream.write_all(head_of(reply).as_bytes())?;
        // A client that takes a byte now and then meets the deadline too.
        for part in reply.body.chunks(64 << 10) {
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            self.stream.write_all(part)?;
        }
        self.stream.flush()?;
        self.stream.shutdown(std::net::Shutdown::Write)?;
        // What the client still sends is taken for a moment: else the system resets the connection, and
        // the reply is lost with it.
        self.stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let mut rest = [0; 8192];
        let until = Instant::now() + Duration::from_secs(1);
        while Instant::now() < until && self.stream.read(&mut rest).is_ok_and(|got| got > 0) {}
        Ok(())
    }
}

/// Nothing from elsewhere, nothing inline, nothing kept, nothing told to others.
const FIXED_HEADERS: &str = "\
Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
X-Content-Type-Options: nosniff\r\n\
Referrer-Policy: no-referrer\r\n\
Cross-Origin-Resource-Policy: same-origin\r\n\
Cross-Origin-Opener-Policy: same-origin\r\n\
Cache-Control: no-store\r\n\
Connection: close\r\n";

fn head_of(reply: &Reply) -> String {
    let reason = match reply.status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    };
    let kind = match reply.kind {
        "" => String::new(),
        kind => format!("Content-Type: {kind}\r\n"),
    };
    let (status, length) = (reply.status, reply.body.len());
    format!("HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\n{kind}{FIXED_HEADERS}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] = b"POST /a/b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 2\r\n\r\n{}";

    #[test]
    fn a_head_is_parsed_whole_or_not_at_all() {
        let end = GOOD.len() - 2;
        for n in 0..end {
            assert!(matches!(parse_head(&GOOD[..n]), Ok(None)), "{n} bytes");
        }
        let (head, got) = parse_head(GOOD).unwrap().unwrap();
        assert_eq!((got, &*head.method, &*head.target), (end, "POST", "/a/b"));
        assert_eq!(head.single("host").unwrap(), Some("127.0.0.1:1"));
        assert_eq!(head.body_bytes().unwrap(), 2);
    }

    #[test]
    fn odd_heads_are_errors_with_their_status() {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_HEAD));
        let cases: [(&[u8], u16); 6] = [
            (b"\x16\x03\x01\x02\x00\x01\x00", 400),
            (b"GET / HTTP/2.0\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost\0: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400),
            (many.as_bytes(), 431),
            (long.as_bytes(), 431),
        ];
        for (bytes, want) in cases {
            let got = parse_head(bytes).expect_err(&String::from_utf8_lossy(bytes));
            assert_eq!(got.status(), want, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn odd_lengths_are_errors() {
        let header = |n: &str, v: &str| (n.to_owned(), v.to_owned());
        for (headers, want) in [
            (vec![header("content-length", "+1")], 400),
            (vec![header("content-length", "")], 400),
            (vec![header("content-length", "1"), header("content-length", "1")], 400),
            (vec![header("transfer-encoding", "chunked")], 400),
            (vec![header("content-length", &(MAX_BODY + 1).to_string())], 413),
            (vec![header("content-length", "99999999999999999999999")], 413),
        ] {
            let head = Head { headers, ..Head::default() };
            assert_eq!(head.body_bytes().expect_err("an error").status(), want, "{head:?}");
        }
    }
}
