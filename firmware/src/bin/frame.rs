//! Reads a frame (RGB565) from the host, hides faces in it, and prints checksums, memory and instructions. `QEMU ...
//! -semihosting-config enable=on,target=native,arg=frame,arg=FRAME`; the network is built in.
#![no_std]
#![no_main]

use core::ptr::addr_of_mut;

use faceveil_firmware::example::{PATTERN, hide};
use faceveil_firmware::{board, count, host};
use faceveil_int8::{Aligned, Model, PixelFormat};

include!(concat!(env!("OUT_DIR"), "/model.rs"));

const BITS: usize = faceveil_core::device::Hidden::memory(WIDTH, HEIGHT);
const FRAME_LEN: usize = 2 * WIDTH * HEIGHT;

/// At a multiple of 16.
#[repr(align(16))]
struct Vectors<T>(T);

static mut ARENA: Vectors<[i8; ARENA_LEN]> = Vectors([0; ARENA_LEN]);
static mut BITMAP: [u32; BITS] = [0; BITS];
static mut FRAME: Vectors<[u8; FRAME_LEN]> = Vectors([0; FRAME_LEN]);

/// Called when everything is set up.
#[unsafe(no_mangle)]
extern "C" fn program() -> i32 {
    match run() {
        Ok(()) => 0,
        Err(problem) => {
            host::say(problem);
            1
        }
    }
}

fn run() -> Result<(), &'static str> {
    // SAFETY: the only references, and this runs once.
    let (arena, bits, frame) =
        unsafe { (&mut (*addr_of_mut!(ARENA)).0, &mut *addr_of_mut!(BITMAP), &mut (*addr_of_mut!(FRAME)).0) };
    let mut words = [0; 512];
    let path = host::argument(1, &mut words).ok_or("no frame was named")?;
    host::read(path, frame).ok_or("the frame cannot be read, or is too short")?;
    board::repaint_stack();
    let model = Model::parse(&MODEL.0).map_err(|_| "the network is broken")?;
    let mut at = [0; 3];
    let start = count::instructions();
    let reached = |n: usize| at[n] = count::instructions();
    let outcome = hide(&model, PixelFormat::Rgb565, frame, (arena, bits), &PATTERN, reached)?;
    let stack = board::stack_used();
    let numbers = [
        ("mask", outcome.mask.into()),
        ("hidden", outcome.hidden as u64),
        ("frame", outcome.frame.into()),
        ("arena", ARENA_LEN as u64),
        ("stack", stack as u64),
        ("bits", 4 * BITS as u64),
        ("pixels", FRAME_LEN as u64),
        ("model", MODEL.0.len() as u64),
        ("macs", model.macs()),
        ("network", at[0] - start),
        ("hide", at[1] - at[0]),
        ("veil", at[2] - at[1]),
        ("instructions", at[2] - start),
    ];
    for (name, value) in numbers {
        host::number(name, value);
    }
    Ok(())
}
