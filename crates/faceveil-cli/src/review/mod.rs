//! `faceveil review`: a page on this machine to look over a batch and correct it.
//!
//! The page's way in is `gate`, a request's `http`; `batch` knows the sidecars, `views` shows the
//! pictures, `edit` writes. Not for finding faces.

mod batch;
mod browser;
mod edit;
mod gate;
pub mod http;
mod routes;
mod timeline;
mod views;

use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use faceveil_media::Limits;

use self::batch::Batch;
use self::gate::Gate;
use self::http::{Connection, Reply, RequestError};
use self::routes::Routes;
use crate::args::ReviewArgs;
use crate::choices::Choices;
use crate::plan::{self, PlanError};
use crate::report::complain;

/// Connections served at once; a browser opens six.
const MOST_CONNECTIONS: usize = 32;

/// What `review` will do.
#[derive(Clone, Debug)]
pub struct ReviewPlan {
    batch: PathBuf,
    originals: Option<PathBuf>,
    /// 0 is any that is free.
    port: u16,
    open: bool,
    limits: Limits,
}

impl ReviewPlan {
    /// # Errors
    /// [`PlanError`] if a number is out of its range.
    pub fn new(args: ReviewArgs) -> Result<Self, PlanError> {
        let chosen = Choices { max_pixels: args.max_pixels, ..Choices::default() };
        Ok(Self {
            batch: args.batch,
            originals: args.originals,
            port: args.port.unwrap_or(0),
            open: args.open || !args.no_open && browser::has_desktop(),
            limits: plan::limits(&chosen)?,
        })
    }
}

/// Serves the page until the process is ended.
///
/// # Errors
/// There are no sidecars, or the port cannot be had.
pub fn run(plan: &ReviewPlan) -> anyhow::Result<ExitCode> {
    let batch = Batch::new(&plan.batch, plan.originals.as_deref())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, plan.port));
    let listener = listener.with_context(|| format!("port {} of 127.0.0.1", plan.port))?;
    let port = listener.local_addr().context("the port")?.port();
    let gate = Gate::new(port).context("no randomness for the address")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", gate.url()).and_then(|()| out.flush()).context("standard output")?;
    drop(out);
    let opener = plan.open.then(|| browser::open(&gate.url())).transpose();
    let opener = opener.unwrap_or_else(|e| {
        complain(&format!("the browser cannot be opened, the address above can: {e:#}"));
        None
    });
    let routes = Routes::new(&batch, plan.limits, opener);
    let open = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| batch.read_all());
        for stream in listener.incoming() {
            let Ok(stream) = stream else {
                // No file handles left, for instance: not a reason to spin.
                std::thread::sleep(std::time::Duration::from_millis(50));
                continue;
            };
            let Some(slot) = Slot::take(&open) else { continue };
            let (gate, routes) = (&gate, &routes);
            let serve = move || {
                let _slot = slot;
                serve(stream, gate, routes);
            };
            // A thread that cannot be had costs this connection only.
            let _ = std::thread::Builder::new().spawn_scoped(scope, serve);
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// One of [`MOST_CONNECTIONS`], given back when it is dropped, also by a panic.
struct Slot<'c>(&'c AtomicUsize);

impl<'c> Slot<'c> {
    fn take(open: &'c AtomicUsize) -> Option<Self> {
        let before = open.fetch_add(1, Ordering::SeqCst);
        let slot = Self(open);
        (before < MOST_CONNECTIONS).then_some(slot)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(stream: TcpStream, gate: &Gate, routes: &Routes<'_>) {
    let mut connection = Connection::new(stream);
    let answer = || answer(&mut connection, gate, routes);
    // A panic is our bug; the page must hear of it, and the next request be served.
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(answer));
    let reply = match caught {
        Ok(Ok(reply)) => reply,
        Ok(Err(e)) => Reply::empty(e.status()),
        Err(_) => Reply::error(500, "a bug in faceveil: see its standard error"),
    };
    // Whoever does not take the reply has gone.
    let _ = connection.reply(&reply);
}

fn answer(connection: &mut Connection, gate: &Gate, routes: &Routes<'_>) -> Result<Reply, RequestError> {
    let head = connection.head()?;
    let Some(path) = gate.admit(&head) else { return Ok(Reply::empty(403)) };
    let route = match routes.find(&head.method, path) {
        Ok(route) => route,
        Err(status) => return Ok(Reply::empty(status)),
    };
    let body = connection.body(&head)?;
    Ok(routes.answer(route, &body))
}
