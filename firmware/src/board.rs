//! Start-up of a Cortex-M: vectors, variables, the floating point or vector unit, and a stack painted with a
//! pattern that tells how deep it went.

use core::ptr::{addr_of, addr_of_mut};

use crate::{count, host};

unsafe extern "C" {
    static mut __data_start: u32;
    static __data_end: u32;
    static __data_load: u32;
    static mut __bss_start: u32;
    static __bss_end: u32;
    static mut __stack_low: u32;
    static __stack_top: u32;
    /// The program, in Rust: `#[unsafe(no_mangle)] extern "C" fn program() -> i32`, 0 for success.
    safe fn program() -> i32;
}

/// What an untouched word of the stack holds.
const PAINT: u32 = 0xa5c3_5a3c;

/// One of the processor's vectors.
#[repr(C)]
pub union Vector {
    address: *const u32,
    handler: unsafe extern "C" fn(),
    reserved: usize,
}

// SAFETY: read by the processor alone.
unsafe impl Sync for Vector {}

const FAULT: Vector = Vector { handler: fault };
const NONE: Vector = Vector { reserved: 0 };

#[unsafe(link_section = ".vectors")]
#[used]
static VECTORS: [Vector; 16] = [
    Vector { address: addr_of!(__stack_top) },
    Vector { handler: reset },
    FAULT,
    FAULT,
    FAULT,
    FAULT,
    FAULT,
    NONE,
    NONE,
    NONE,
    NONE,
    FAULT,
    FAULT,
    NONE,
    FAULT,
    Vector { handler: count::tick },
];

unsafe extern "C" fn fault() {
    // SAFETY: the fault status registers of every Cortex-M.
    let [configurable, hard] =
        unsafe { [(0xe000_ed28 as *const u32).read_volatile(), (0xe000_ed2c as *const u32).read_volatile()] };
    host::number("fault: CFSR", configurable.into());
    host::number("fault: HFSR", hard.into());
    host::exit(101);
}

/// Called by the processor.
///
/// # Safety
/// Once, on an empty stack.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reset() {
    // SAFETY: nothing runs yet; the linker script says where everything lies.
    unsafe {
        let (mut to, mut from) = (addr_of_mut!(__data_start), addr_of!(__data_load));
        while to.cast_const() < addr_of!(__data_end) {
            to.write_volatile(from.read_volatile());
            (to, from) = (to.add(1), from.add(1));
        }
        let mut to = addr_of_mut!(__bss_start);
        while to.cast_const() < addr_of!(__bss_end) {
            to.write_volatile(0);
            to = to.add(1);
        }
        // CPACR: full access to coprocessors 10 and 11, before any function may use their registers.
        let access = 0xe000_ed88 as *mut u32;
        access.write_volatile(access.read_volatile() | 0xf << 20);
        core::arch::asm!("dsb", "isb");
        let here: u32;
        core::arch::asm!("mov {}, sp", out(reg) here);
        let mut word = addr_of_mut!(__stack_low);
        while (word as u32) < here - 64 {
            word.write_volatile(PAINT);
            word = word.add(1);
        }
    }
    count::start();
    let code = program();
    host::exit(code);
}

/// Bytes of the stack that were in use at the deepest point so far.
pub fn stack_used() -> usize {
    let mut word = addr_of!(__stack_low);
    let top = addr_of!(__stack_top);
    // SAFETY: between the two lies the stack.
    while word < top && unsafe { word.read_volatile() } == PAINT {
        word = word.wrapping_add(1);
    }
    top as usize - word as usize
}

/// Paints again what lies below the current frame, so that the next measure starts anew.
pub fn repaint_stack() {
    let here: u32;
    // SAFETY: below the stack pointer nothing is in use but by interrupts, which are done when this goes on.
    unsafe {
        core::arch::asm!("mov {}, sp", out(reg) here);
        let mut word = addr_of_mut!(__stack_low);
        while (word as u32) < here - 256 {
            word.write_volatile(PAINT);
            word = word.add(1);
        }
    }
}

#[cfg(target_arch = "arm")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    host::say("panic");
    if let Some(place) = info.location() {
        host::number(place.file(), place.line().into());
    }
    host::exit(101)
}
