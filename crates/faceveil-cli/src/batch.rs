//! Many files, several at once: one bad file never stops the others. Not for what is done to a file.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError, mpsc};

/// Pulls items from `source` one by one, works on up to `workers` (at least 1) at once, and hands the
/// results to `report` on this thread as they are done. Memory does not grow with the number of items.
///
/// Each worker owns a state `S`, dropped when work panics: the panic becomes `failed`'s result for
/// that item, and what it was about.
pub fn run<T, R, S>(
    source: impl Iterator<Item = T> + Send,
    workers: usize,
    work: impl Fn(&mut Option<S>, &T) -> R + Sync,
    failed: impl Fn(&T, String) -> R + Sync,
    mut report: impl FnMut(R),
) where
    T: Send,
    R: Send,
{
    let source = Mutex::new(source);
    let (sender, results) = mpsc::sync_channel(2 * workers.max(1));
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            let sender = sender.clone();
            let (source, work, failed) = (&source, &work, &failed);
            scope.spawn(move || {
                hush_panics();
                let mut state = None;
                // The lock is let go before the work begins.
                let pull = || source.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(item) = pull() {
                    let done = panic::catch_unwind(AssertUnwindSafe(|| work(&mut state, &item)));
                    let result = done.unwrap_or_else(|payload| {
                        state = None;
                        failed(&item, describe(&*payload))
                    });
                    if sender.send(result).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        results.into_iter().for_each(&mut report);
    });
}

thread_local! {
    static HUSHED: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes panics of hushed threads silent, as they become errors of their files; others stay as they are.
pub fn install_panic_hook() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if HUSHED.get() {
            PLACE.set(info.location().map(|l| format!(" at {}:{}", l.file(), l.line())));
        } else {
            usual(info);
        }
    }));
}

fn hush_panics() {
    HUSHED.set(true);
}

fn describe(payload: &(dyn Any + Send)) -> String {
    let words = payload.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("panic");
    let place = PLACE.take().unwrap_or_default();
    format!("internal error, please report it: {words}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_one_item() {
        install_panic_hook();
        for workers in [1, 3] {
            let mut got = Vec::new();
            run(
                0..20,
                workers,
                |state: &mut Option<u32>, &n: &i32| {
                    *state = Some(state.unwrap_or(0) + 1);
                    assert!(n % 7 != 3, "item {n}");
                    (n, String::new())
                },
                |&n, why| (n, why),
                |result| got.push(result),
            );
            got.sort();
            assert_eq!(got.len(), 20, "{workers} workers");
            for (n, why) in got {
                assert_eq!(why.contains(&format!("item {n}")), n % 7 == 3, "{n}: {why:?}");
                assert_eq!(why.contains("batch.rs"), n % 7 == 3, "{n}: {why:?}");
            }
        }
    }

    #[test]
    fn the_source_is_pulled_only_as_fast_as_it_is_worked_on() {
        let pulled = std::sync::atomic::AtomicUsize::new(0);
        let source = (0..1000).inspect(|_| {
            pulled.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        });
        let mut reported = 0;
        run(
            source,
            2,
            |_: &mut Option<()>, _| (),
            |_, _| (),
            |()| {
                let ahead = pulled.load(std::sync::atomic::Ordering::SeqCst) - reported;
                // Two in work, four waiting to be reported, two handing over, one in report's hands.
                assert!(ahead <= 9, "{ahead} pulled ahead of report {reported}");
                reported += 1;
            },
        );
        assert_eq!(reported, 1000);
    }
}
