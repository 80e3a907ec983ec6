//! `review` as a client meets it that is not its page: who gets in, and what becomes of odd requests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::{PROGRAM, Sandbox, portrait};
use serde_json::{Value, json};

/// A running server; ended when it is dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub port: u16,
    pub token: String,
}

impl Server {
    pub fn start(b: &Sandbox, args: &[&str]) -> Self {
        let mut command = b.command(PROGRAM);
        command.arg("review").args(args).arg("--no-open").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        let rest = url.strip_prefix("http://127.0.0.1:").unwrap_or_else(|| panic!("{url:?}"));
        let (port, token) = rest.trim_end_matches('/').split_once('/').unwrap();
        let (port, token) = (port.parse().unwrap(), token.to_owned());
        Self { child, url, port, token }
    }

    /// Sends bytes as they are; the status, and the body.
    pub fn send(&self, bytes: &[u8]) -> (u16, Vec<u8>) {
        let (head, body) = self.exchange(bytes);
        let status = head.split(' ').nth(1).unwrap_or_default();
        (status.parse().unwrap_or_else(|_| panic!("{head:?}")), body)
    }

    fn exchange(&self, bytes: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(reply.len());
        let body = reply.split_off((end + 4).min(reply.len()));
        (String::from_utf8(reply).unwrap(), body)
    }

    pub fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let head = format!(
            "{method} /{}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\n{headers}\r\n",
            self.token,
            self.port,
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat())
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, "", b"");
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let origin = format!("Origin: http://127.0.0.1:{}\r\n", self.port);
        let (status, body) = self.request("POST", path, &origin, body.to_string().as_bytes());
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// The pictures, once all are read.
    fn pictures(&self) -> Vec<Value> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let batch = self.get("batch");
            if let Some(pictures) = batch["pictures"].as_array() {
                return pictures.clone();
            }
            assert!(Instant::now() < until, "{batch}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A batch of one portrait.
pub fn batch() -> Sandbox {
    let b = Sandbox::new();
    b.put("photos/a.jpg", &portrait());
    // A colour, so that what is hidden already comes out the same again.
    b.run(["blur", "photos", "-o", "out", "--sidecar", "--level", "fast", "--style", "solid"]).exits(0);
    b
}

#[test]
fn only_its_page_gets_an_answer() {
    let b = batch();
    let server = Server::start(&b, &["out"]);
    let (port, token) = (server.port, &server.token);
    assert_eq!((token.len(), token.bytes().all(|b| b.is_ascii_hexdigit())), (32, true));
    let own = format!("Host: 127.0.0.1:{port}\r\n");
    let wrong = "0".repeat(32);
    let cases = [
        ("GET", "/".to_owned(), own.clone()),
        ("GET", "/batch".to_owned(), own.clone()),
        ("GET", format!("/{wrong}/"), own.clone()),
        ("GET", format!("/{wrong}/batch"), own.clone()),
        ("GET", format!("/{token}/"), format!("Host: localhost:{port}\r\n")),
        ("GET", format!("/{token}/"), format!("Host: evil.example:{port}\r\n")),
        ("GET", format!("/{token}/"), String::new()),
        ("GET", format!("/{token}/batch"), format!("{own}Origin: http://evil.example\r\n")),
        ("GET", format!("/{token}/batch"), format!("{own}Sec-Fetch-Site: cross-site\r\n")),
        ("POST", format!("/{token}/save/0"), own.clone()),
        ("POST", format!("/{token}/save/0"), format!("{own}Origin: null\r\n")),
        ("PUT", format!("/{token}/batch"), own.clone()),
        ("OPTIONS", format!("/{token}/batch"), format!("{own}Origin: http://evil.example\r\n")),
    ];
    for (method, target, headers) in cases {
        let got = server.send(format!("{method} {target} HTTP/1.1\r\n{headers}\r\n").as_bytes());
        assert_eq!(got, (403, Vec::new()), "{method} {target} {headers}");
    }
    let (status, page) = server.request("GET", "", "", b"");
    assert_eq!((status, page.starts_with(b"<!DOCTYPE html>")), (200, true));
    // Another address of this machine reaches nobody.
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
}

#[test]
fn every_reply_forbids_what_the_page_does_not_need() {
    let b = batch();
    let server = Server::start(&b, &["out"]);
    for target in ["/".to_owned(), format!("/{}/", server.token), format!("/{}/batch", server.token)] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", server.port);
        let (head, _) = server.exchange(request.as_bytes());
        for header in [
            "Content-Security-Policy: default-src 'none'; ",
            "frame-ancestors 'none'",
            "Referrer-Policy: no-referrer",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Cross-Origin-Resource-Policy: same-origin",
        ] {
            assert!(head.contains(header), "{target}: {header} is not in {head}");
        }
        assert!(!head.contains("Access-Control"), "{head}");
    }
}

#[test]
fn odd_requests_are_refused_and_the_server_goes_on() {
    let b = batch();
    let server = Server::start(&b, &["out"]);
    let origin = format!("Origin: http://127.0.0.1:{}\r\n", server.port);
    for (method, path, want) in [
        ("POST", "batch", 405),
        ("DELETE", "batch", 405),
        ("GET", "save/0", 405),
        ("GET", "picture/1", 404),
        ("GET", "picture/-1", 404),
        ("GET", "picture/../../../../etc/passwd", 404),
        ("GET", "view/original/%2e%2e%2fphotos", 404),
        ("GET", "view/original/0/0/0/0/0", 422),
        ("GET", "view/original/0/500/500/100/100", 422),
        ("POST", "save/0", 422),
    ] {
        assert_eq!(server.request(method, path, &origin, b"").0, want, "{method} {path}");
    }
    let (port, token) = (server.port, &server.token);
    let head = format!("POST /{token}/save/0 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{origin}");
    for (bytes, want) in [
        (format!("{head}Content-Length: 99999999999\r\n\r\n").into_bytes(), 413),
        (format!("{head}Content-Length: 20971521\r\n\r\n").into_bytes(), 413),
        (format!("{head}Content-Length: -1\r\n\r\n").into_bytes(), 400),
        (format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n").into_bytes(), 400),
        (format!("{head}X: {}\r\n\r\n", "x".repeat(20_000)).into_bytes(), 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), 400),
        (b"GET\r\n\r\n".to_vec(), 400),
        (b"\0\0\0\0\r\n\r\n".to_vec(), 400),
    ] {
        assert_eq!(
            server.send(&bytes).0,
            want,
            "{}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(300)])
        );
    }
    // Clients that say nothing, or not all, keep nobody else waiting.
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
    assert_eq!(server.pictures().len(), 1);
    drop(silent);
}

#[test]
fn edits_are_saved_and_rendered_and_nothing_else_is_written() {
    let b = batch();
    b.put("out/broken.jpg.faceveil.json", b"{}");
    b.put("out/notes.txt", b"precious");
    let before = (b.files("photos"), b.files("out"));
    let server = Server::start(&b, &["out"]);
    let pictures = server.pictures();
    assert_eq!(
        (pictures.len(), &pictures[0]["name"], &pictures[1]["name"]),
        (2, &json!("broken.jpg"), &json!("a.jpg"))
    );
    assert!(pictures[0]["error"].as_str().is_some_and(|e| e.contains("not a sidecar")), "{pictures:?}");
    let id = pictures[1]["id"].as_u64().unwrap();
    let opened = server.get(&format!("picture/{id}"));
    let shape = json!({ "outline": "box", "corners": [10, 20, 60, 80] });
    let new = json!({ "id": "new-1", "origin": "added", "hidden": true, "feather": 0, "shapes": [shape] });
    let save = |version: &Value, region: &Value| {
        server.post(&format!("save/{id}"), &json!({ "version": version, "regions": [region] }))
    };
    // What no sidecar may hold is not saved, and neither is a region from nowhere.
    let mut wrong = new.clone();
    wrong["shapes"][0]["corners"] = json!([9000, 9000, 9100, 9100]);
    assert_eq!(save(&opened["version"], &wrong).0, 422);
    wrong["id"] = json!("r77");
    assert_eq!(save(&opened["version"], &wrong).0, 422);
    assert_eq!(b.files("out"), before.1);
    let (status, saved) = save(&opened["version"], &new);
    assert_eq!((status, &saved["ids"]["new-1"]), (200, &json!("r2")), "{saved}");
    // The old version is history, for saving and for rendering.
    assert_eq!(save(&opened["version"], &new).0, 409);
    assert_eq!(server.post(&format!("render/{id}"), &json!({ "version": opened["version"] })).0, 409);
    let (status, rendered) = server.post(&format!("render/{id}"), &json!({ "version": saved["version"] }));
    assert_eq!(status, 200, "{rendered}");
    let after = (b.files("photos"), b.files("out"));
    assert_eq!(after.0, before.0, "the originals");
    assert_eq!(after.1.len(), before.1.len(), "{:?}", after.1.keys());
    for (name, bytes) in &before.1 {
        let touched = name.to_string_lossy().starts_with("a.jpg");
        assert_eq!(after.1[name] != *bytes, touched, "{}", name.display());
    }
    b.run(["verify", "photos/a.jpg", "out/a.jpg", "--level", "fast"]).exits(0);
}

#[test]
fn an_output_that_is_an_original_is_not_replaced() {
    let b = batch();
    b.run(["blur", "out/a.jpg", "-o", "out/twice.jpg", "--sidecar", "--level", "fast"]).exits(0);
    let server = Server::start(&b, &["out"]);
    let before = b.files("out");
    let pictures = server.pictures();
    let id = pictures.iter().find(|p| p["name"] == "a.jpg").unwrap()["id"].as_u64().unwrap();
    let version = server.get(&format!("picture/{id}"))["version"].clone();
    let (status, why) = server.post(&format!("render/{id}"), &json!({ "version": version }));
    assert_eq!(status, 422);
    assert!(why["error"].as_str().unwrap().contains("is an original of the batch"), "{why}");
    assert_eq!(b.files("out"), before);
}

#[test]
fn originals_that_have_moved_or_changed() {
    let b = batch();
    std::fs::rename(b.path("photos"), b.path("moved")).unwrap();
    let shown = |server: &Server| server.request("GET", "view/original/0", "", b"");
    let (status, why) = shown(&Server::start(&b, &["out"]));
    assert_eq!(status, 422, "{}", String::from_utf8_lossy(&why));
    let (status, view) = shown(&Server::start(&b, &["out", "--originals", "moved"]));
    assert_eq!((status, view.starts_with(b"\xff\xd8\xff")), (200, true));
    let metadata = |word: &[u8]| view.windows(word.len()).any(|w| w == word);
    assert!(!metadata(b"Exif"), "the view has metadata");
    b.put("moved/a.jpg", &crate::sandbox::jpeg(512, 512, 1));
    let (status, why) = shown(&Server::start(&b, &["out", "--originals", "moved"]));
    let why = String::from_utf8_lossy(&why);
    assert!(status == 422 && why.contains("not the photo that the sidecar was written for"), "{why}");
    b.run(["review", "moved", "--no-open"]).exits(1).says("no sidecars");
    b.run(["review", "out", "--originals", "nowhere", "--no-open"]).exits(1).says("not a folder");
}
