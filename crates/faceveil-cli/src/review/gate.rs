//! Who is let in: the page that has the token, asked for under this server's own name by the browser itself.
//! Not for what is done then.

use super::http::Head;

/// What a request must show before anything else is looked at.
#[derive(Clone, Debug)]
pub struct Gate {
    /// `127.0.0.1:<port>`: another name that leads here is DNS rebinding.
    host: String,
    token: String,
}

impl Gate {
    /// # Errors
    /// The system has no randomness to give.
    pub fn new(port: u16) -> Result<Self, getrandom::Error> {
        let mut token = [0; 16];
        getrandom::fill(&mut token)?;
        Ok(Self { host: format!("127.0.0.1:{port}"), token: crate::plan::hex(&token) })
    }

    /// What is opened in the browser.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.host, self.token)
    }

    /// The path behind the token if the request may come in.
    pub fn admit<'h>(&self, head: &'h Head) -> Option<&'h str> {
        if head.single("host").ok()?? != self.host {
            return None;
        }
        let (token, path) = head.target.strip_prefix('/')?.split_once('/')?;
        let origin = head.single("origin").ok()?;
        let own = origin.map(|o| o.strip_prefix("http://") == Some(&*self.host));
        // Only reads come without an origin.
        let origin_fits = own.unwrap_or(matches!(&*head.method, "GET" | "HEAD"));
        let site_fits = match head.single("sec-fetch-site").ok()? {
            None | Some("same-origin" | "none") => true,
            // A link to the page itself, from a mail or from the file that opens it, may be followed; what it
            // leads to cannot be read from there, nor framed.
            Some(_) => path.is_empty() && origin.is_none() && is_navigation(head),
        };
        (same(token.as_bytes(), self.token.as_bytes()) && origin_fits && site_fits).then_some(path)
    }
}

fn is_navigation(head: &Head) -> bool {
    let is = |name, value| matches!(head.single(name), Ok(Some(got)) if got == value);
    head.method == "GET" && is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// Compares in a time that does not tell how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(method: &str, target: String, headers: &[(&str, &str)]) -> Head {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Head { method: method.to_owned(), target, headers }
    }

    #[test]
    fn only_the_page_itself_gets_in() {
        let gate = Gate::new(4000).unwrap();
        let own = ("host", "127.0.0.1:4000");
        let origin = ("origin", "http://127.0.0.1:4000");
        let navigation = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let linked = [own, ("sec-fetch-site", "cross-site"), navigation[0], navigation[1]];
        type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], bool);
        let cases: &[Case<'_>] = &[
            ("GET", "", &[own], true),
            ("GET", "batch", &[own], true),
            ("GET", "batch", &[own, ("sec-fetch-site", "same-origin")], true),
            ("GET", "batch", &[own, ("sec-fetch-site", "none")], true),
            ("POST", "save/1", &[own, origin], true),
            ("POST", "save/1", &[own], false),
            ("DELETE", "save/1", &[own], false),
            ("GET", "", &linked, true),
            ("GET", "batch", &linked, false),
            ("GET", "", &[own, ("sec-fetch-site", "cross-site")], false),
            ("GET", "batch", &[own, ("sec-fetch-site", "same-site")], false),
            ("GET", "", &[], false),
            ("GET", "", &[("host", "localhost:4000")], false),
            ("GET", "", &[("host", "127.0.0.1")], false),
            ("GET", "", &[("host", "evil.example:4000")], false),
            ("GET", "", &[own, own], false),
            ("GET", "", &[own, ("origin", "http://evil.example")], false),
            ("POST", "save/1", &[own, ("origin", "http://127.0.0.1:4001")], false),
            ("POST", "save/1", &[own, ("origin", "https://127.0.0.1:4000")], false),
            ("POST", "save/1", &[own, ("origin", "null")], false),
            ("POST", "save/1", &[own, origin, ("origin", "http://evil.example")], false),
        ];
        for (method, path, headers, want) in cases {
            let head = head(method, format!("/{}/{path}", gate.token), headers);
            assert_eq!(gate.admit(&head), want.then_some(*path), "{method} {path} {headers:?}");
        }
        let wrong = "0".repeat(32);
        for target in
            ["/", "", "/batch", "*", &*format!("/{wrong}/"), &gate.token[1..], &format!("/{}", gate.token)]
        {
            assert_eq!(gate.admit(&head("GET", target.to_owned(), &[own])), None, "{target}");
        }
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (a, b) = (Gate::new(1).unwrap(), Gate::new(1).unwrap());
        assert_eq!((a.token.len(), a.token == b.token), (32, false));
    }
}
