//! Work on many items at once, with the results in the items' order and only a few of either in memory.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, mpsc};

/// Hands each item to one of `jobs` threads, each with a state of its own from `start`, and the results to `sink` in the
/// items' order. Stops at the first error of `sink`.
///
/// # Errors
/// What `sink` says.
///
/// # Panics
/// If `work` does.
pub fn in_order<T: Send, S, R: Send, E>(
    items: impl Iterator<Item = T>,
    jobs: usize,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, T) -> R + Sync,
    mut sink: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    type Finished<R> = (u64, Result<R, Box<dyn Any + Send>>);
    let jobs = jobs.max(1);
    let (send_item, items_for_all) = mpsc::sync_channel::<(u64, T)>(jobs);
    let items_for_all = Mutex::new(items_for_all);
    let (send_result, results) = mpsc::channel::<Finished<R>>();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (items_for_all, start, work, send_result) =
                (&items_for_all, &start, &work, send_result.clone());
            scope.spawn(move || {
                let mut state = start();
                loop {
                    // A panic cannot happen while the lock is held.
                    let next = items_for_all.lock().map(|items| items.recv());
                    let Ok(Ok((at, item))) = next else { break };
                    // A thread that stopped here would leave the others' items without anybody to take them.
                    let result = catch_unwind(AssertUnwindSafe(|| work(&mut state, item)));
                    if send_result.send((at, result)).is_err() {
                        break;
                    }
                }
            });
        }
        // Whatever ends this closure ends the threads: their channel closes with it.
        let send_item = send_item;
        let mut waiting = BTreeMap::new();
        let (mut next, mut sent) = (0, 0);
        let mut take = |(at, result): Finished<R>, next: &mut u64| -> Result<(), E> {
            waiting.insert(at, result.unwrap_or_else(|panic| resume_unwind(panic)));
            while let Some(result) = waiting.remove(next) {
                *next += 1;
                sink(result)?;
            }
            Ok(())
        };
        for item in items {
            // As many items are on their way at most as keep every thread busy while the first is waited for.
            while sent - next >= 8 * jobs as u64 {
                let Ok(result) = results.recv() else { return Ok(()) };
                take(result, &mut next)?;
            }
            if send_item.send((sent, item)).is_err() {
                break;
            }
            sent += 1;
        }
        drop(send_item);
        while next < sent {
            let Ok(result) = results.recv() else { break };
            take(result, &mut next)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_keep_the_order_and_few_are_in_flight() {
        let (open, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut got = Vec::new();
        let items = (0..500u64).inspect(|_| {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        });
        let work = |state: &mut u64, item: u64| {
            *state += 1;
            std::thread::sleep(std::time::Duration::from_micros((item * 7919) % 300));
            item * 2
        };
        let done: Result<(), ()> = in_order(
            items,
            3,
            || 0u64,
            work,
            |result| {
                open.fetch_sub(1, Ordering::SeqCst);
                got.push(result);
                Ok(())
            },
        );
        assert_eq!((done, got), (Ok(()), (0..500).map(|n| n * 2).collect::<Vec<u64>>()));
        assert!(most.load(Ordering::SeqCst) <= 26, "{most:?} in memory");
    }

    #[test]
    fn an_error_stops_and_a_panic_is_not_swallowed() {
        let mut taken = 0;
        let done = in_order(
            0..1000,
            2,
            || (),
            |(), n| n,
            |n| {
                taken += 1;
                if n == 10 { Err("full") } else { Ok(()) }
            },
        );
        assert_eq!((done, taken), (Err("full"), 11));
        for jobs in [1, 2] {
            let panicked = catch_unwind(|| {
                let work = |(): &mut (), n: i32| assert_ne!(n, 40, "on purpose");
                in_order(0..1000, jobs, || (), work, |()| Ok::<(), ()>(()))
            });
            assert!(panicked.is_err(), "{jobs}");
        }
    }
}
