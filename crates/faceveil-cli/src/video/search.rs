//! Frames that are searched on threads of their own, and come back in their order.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;

use faceveil::core::look::Look;
use faceveil::core::track::Sighting;
use faceveil::video::FrameSearch;
use faceveil::{Error, Face, Settings};

/// A frame to be searched, and where its faces go.
struct Order {
    look: Look,
    /// The frame's sides by those of the picture.
    enlarge: (f32, f32),
    close: bool,
    faces: Sender<Result<Vec<Sighting>, Error>>,
}

/// Threads that search.
pub(super) struct Searchers {
    orders: Sender<Order>,
}

/// The faces of a frame, once they are found.
pub(super) type Promise = Receiver<Result<Vec<Sighting>, Error>>;

impl Searchers {
    /// Starts `count` threads; the first has `first`. They end when this is dropped.
    pub(super) fn start<'s>(
        scope: &'s Scope<'s, '_>,
        count: usize,
        first: FrameSearch,
        settings: &'s Settings,
    ) -> Self {
        let (orders, queue) = channel::<Order>();
        let queue = Arc::new(Mutex::new(queue));
        let mut first = Some(first);
        for _ in 0..count.max(1) {
            let (queue, mut search) = (queue.clone(), first.take());
            scope.spawn(move || {
                // The lock is let go before the search begins.
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(order) = next() {
                    let found = match &mut search {
                        Some(search) => search.compared(order.look, order.close),
                        None => FrameSearch::new(settings)
                            .and_then(|s| search.insert(s).compared(order.look, order.close)),
                    };
                    let found = found.map(|mut sightings| {
                        sightings.iter_mut().for_each(|sighting| enlarge(&mut sighting.face, order.enlarge));
                        sightings
                    });
                    // Who does not wait for it any more has met an error elsewhere.
                    let _ = order.faces.send(found);
                }
            });
        }
        Self { orders }
    }

    /// Has a picture of a frame of `size` searched, from close for small faces; its faces come back in pixels of the
    /// frame.
    pub(super) fn search(&self, look: Look, size: (u32, u32), close: bool) -> Promise {
        let enlarge = enlargement(&look, size);
        let (faces, promise) = channel();
        // Without threads the promise is broken, which is an error.
        let _ = self.orders.send(Order { look, enlarge, close, faces });
        promise
    }
}

/// How much larger a frame is than a picture of it that was shrunk by a whole factor.
pub(super) fn enlargement(look: &Look, (width, height): (u32, u32)) -> (f32, f32) {
    let factor = (width / look.width.max(1)).min(height / look.height.max(1)).max(1) as f32;
    (factor, factor)
}

pub(super) fn enlarged(mut faces: Vec<Face>, by: (f32, f32)) -> Vec<Face> {
    faces.iter_mut().for_each(|face| enlarge(face, by));
    faces
}

fn enlarge(face: &mut Face, (sx, sy): (f32, f32)) {
    for rect in std::iter::once(&mut face.rect).chain(&mut face.also) {
        (rect.left, rect.right) = (rect.left * sx, rect.right * sx);
        (rect.top, rect.bottom) = (rect.top * sy, rect.bottom * sy);
    }
    for point in face.landmarks.iter_mut().flatten() {
        (point.x, point.y) = (point.x * sx, point.y * sy);
    }
}
