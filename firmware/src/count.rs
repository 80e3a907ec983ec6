//! Instructions, counted by the system timer: with `-icount shift=2` QEMU lets an instruction take 4 ns of its time.

use core::sync::atomic::{AtomicU32, Ordering};

/// Control, reload and current value of SysTick.
const CONTROL: *mut u32 = 0xe000_e010 as *mut u32;
const RELOAD: *mut u32 = 0xe000_e014 as *mut u32;
const CURRENT: *mut u32 = 0xe000_e018 as *mut u32;

const SPAN: u32 = 1 << 24;

static WRAPS: AtomicU32 = AtomicU32::new(0);

/// Counts the timer's wraps; its vector.
///
/// # Safety
/// For the processor alone.
pub unsafe extern "C" fn tick() {
    WRAPS.store(WRAPS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// Starts the timer.
pub fn start() {
    // SAFETY: fixed registers of every Cortex-M.
    unsafe {
        RELOAD.write_volatile(SPAN - 1);
        CURRENT.write_volatile(0);
        // Enabled, with interrupt, by the processor's clock.
        CONTROL.write_volatile(7);
    }
}

/// Ticks since the start.
fn ticks() -> u64 {
    loop {
        let before = WRAPS.load(Ordering::Relaxed);
        // SAFETY: as above.
        let value = unsafe { CURRENT.read_volatile() };
        let after = WRAPS.load(Ordering::Relaxed);
        if before == after {
            return u64::from(before) * u64::from(SPAN) + u64::from(SPAN - 1 - value);
        }
    }
}

/// Instructions since the start, to about 10: a tick is 40 ns on mps2 (25 MHz), 31.25 ns on mps3-an547 (32 MHz).
pub fn instructions() -> u64 {
    if cfg!(feature = "m55") { ticks() * 125 / 16 } else { ticks() * 10 }
}
