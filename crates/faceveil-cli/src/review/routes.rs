//! What can be asked for, once somebody is let in.

use std::sync::{Mutex, PoisonError};

use faceveil_media::Limits;
use serde_json::json;
use tempfile::NamedTempFile;

use super::batch::Batch;
use super::edit::{self, Refusal};
use super::http::Reply;
use super::views::{Part, Views, Which};

const PAGE: &str = include_str!("page/review.html");
const SCRIPT: &str = concat!(
    include_str!("page/shapes.js"),
    include_str!("page/state.js"),
    include_str!("page/stage.js"),
    include_str!("page/review.js")
);
const STYLE: &str = include_str!("page/review.css");
const ICON: &str = include_str!("page/icon.svg");

/// One thing that can be asked for. Pictures go by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A file of the page: its type and content.
    File(&'static str, &'static str),
    /// How far the batch is read, and its pictures.
    Batch,
    /// A sidecar.
    Picture(usize),
    /// A page of a picture, counted from 1, or a part of it.
    View(Which, usize, u32, Option<Part>),
    /// Write a sidecar.
    Save(usize),
    /// Write an output.
    Render(usize),
}

/// Answers requests.
pub struct Routes<'b> {
    batch: &'b Batch,
    views: Views<'b>,
    /// The file that opened the page in the browser, until it has.
    opener: Mutex<Option<NamedTempFile>>,
    /// Held while something is written.
    writing: Mutex<()>,
}

impl<'b> Routes<'b> {
    /// `opener` is dropped once the page is asked for.
    pub fn new(batch: &'b Batch, limits: Limits, opener: Option<NamedTempFile>) -> Self {
        let views = Views::new(batch, limits);
        Self { batch, views, opener: Mutex::new(opener), writing: Mutex::default() }
    }

    /// # Errors
    /// 404 if there is no such thing, 405 if it is not asked for like this.
    pub fn find(&self, method: &str, path: &str) -> Result<Route, u16> {
        let route = route(path).ok_or(404_u16)?;
        let writes = matches!(route, Route::Save(_) | Route::Render(_));
        match &route {
            Route::Picture(id) | Route::View(_, id, ..) | Route::Save(id) | Route::Render(id)
                if *id >= self.batch.count() =>
            {
                Err(404)
            }
            _ if method == if writes { "POST" } else { "GET" } => Ok(route),
            _ => Err(405),
        }
    }

    /// Does what is asked for.
    pub fn answer(&self, route: Route, body: &[u8]) -> Reply {
        match route {
            Route::File(kind, content) => {
                if content == PAGE {
                    drop(self.opener.lock().unwrap_or_else(PoisonError::into_inner).take());
                }
                Reply { status: 200, kind, body: content.as_bytes().to_vec() }
            }
            Route::Batch => {
                let (read, pictures) = self.batch.overview();
                Reply::json(200, &json!({ "read": read, "total": self.batch.count(), "pictures": pictures }))
            }
            Route::Picture(id) => match self.batch.open(id) {
                Ok(opened) => Reply::json(200, &json!({ "version": opened.version, "sidecar": opened.json })),
                Err(e) => Reply::error(422, &format!("{e:#}")),
            },
            Route::View(which, id, page, part) => match self.views.jpeg(id, which, page, part) {
                Ok(jpeg) => Reply { status: 200, kind: "image/jpeg", body: jpeg.to_vec() },
                Err(e) => Reply::error(422, &format!("{e:#}")),
            },
            Route::Save(id) => self.write(|| edit::save(self.batch, id, body)),
            Route::Render(id) => self.write(|| edit::render(self.batch, id, body)),
        }
    }

    fn write(&self, work: impl FnOnce() -> Result<serde_json::Value, Refusal>) -> Reply {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        match work() {
            Ok(value) => Reply::json(200, &value),
            Err(e @ Refusal::Changed) => Reply::error(409, &e.to_string()),
            Err(e) => Reply::error(422, &e.to_string()),
        }
    }
}

fn route(path: &str) -> Option<Route> {
    // What follows a question mark only tells two states of a picture apart.
    let parts: Vec<&str> = path.split_once('?').map_or(path, |(path, _)| path).split('/').collect();
    Some(match parts[..] {
        [""] => Route::File("text/html; charset=utf-8", PAGE),
        ["review.js"] => Route::File("text/javascript; charset=utf-8", SCRIPT),
        ["review.css"] => Route::File("text/css; charset=utf-8", STYLE),
        ["icon.svg"] => Route::File("image/svg+xml", ICON),
        ["batch"] => Route::Batch,
        ["picture", id] => Route::Picture(number(id)?),
        ["view", which, id, ref rest @ ..] => {
            let (page, part) = view(rest)?;
            Route::View(which_of(which)?, number(id)?, page, part)
        }
        ["save", id] => Route::Save(number(id)?),
        ["render", id] => Route::Render(number(id)?),
        _ => return None,
    })
}

/// Which page of a picture, the first if none is named, and which part of it.
fn view(words: &[&str]) -> Option<(u32, Option<Part>)> {
    let (page, words) = match words {
        ["page", page, rest @ ..] => (number(page)?, rest),
        all => (1, all),
    };
    match *words {
        [] => Some((page, None)),
        [left, top, width, height] => {
            let [left, top, width, height] = [number(left)?, number(top)?, number(width)?, number(height)?];
            Some((page, Some(Part { left, top, width, height })))
        }
        _ => None,
    }
}

fn which_of(word: &str) -> Option<Which> {
    match word {
        "original" => Some(Which::Original),
        "result" => Some(Which::Result),
        _ => None,
    }
}

/// Digits only: `parse` alone would take a sign.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_what_they_say_or_nowhere() {
        let part = Part { left: 1, top: 2, width: 3, height: 4 };
        for (path, want) in [
            ("batch", Some(Route::Batch)),
            ("picture/12", Some(Route::Picture(12))),
            ("view/original/3", Some(Route::View(Which::Original, 3, 1, None))),
            ("view/result/3/1/2/3/4", Some(Route::View(Which::Result, 3, 1, Some(part)))),
            ("view/original/3/page/7", Some(Route::View(Which::Original, 3, 7, None))),
            ("view/result/3/page/7/1/2/3/4", Some(Route::View(Which::Result, 3, 7, Some(part)))),
            ("view/original/3/page", None),
            ("view/original/3/page/-1", None),
            ("view/original/3/page/1/2", None),
            ("save/0", Some(Route::Save(0))),
            ("render/0", Some(Route::Render(0))),
            ("picture/", None),
            ("picture/-1", None),
            ("picture/+1", None),
            ("picture/99999999999999999999999", None),
            ("picture/../../etc/passwd", None),
            ("picture/%2e%2e", None),
            ("view/original/1/2/3/4", None),
            ("view/other/1", None),
            ("view/original/0/4294967296/0/1/1", None),
            ("view/original/0/page/4294967296", None),
            ("view/result/3?7", Some(Route::View(Which::Result, 3, 1, None))),
            ("batch?/../x", Some(Route::Batch)),
            ("/", None),
            ("review.html", None),
        ] {
            assert_eq!(route(path), want, "{path}");
        }
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        for text in [PAGE, SCRIPT, STYLE, ICON] {
            let outside = text.replace("http://www.w3.org/2000/svg", "");
            for word in ["http:", "https:", "src=\"//", "@import", "innerHTML", "eval(", " style=\""] {
                assert!(!outside.contains(word), "{word}");
            }
        }
    }
}
