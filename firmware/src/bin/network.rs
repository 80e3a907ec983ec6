//! Runs any network of three channels on a frame (RGB888) from the host, and prints the checksum of its first output,
//! memory and instructions; no veil. For networks that are compared with ours.
#![no_std]
#![no_main]

use core::ptr::addr_of_mut;

use faceveil_firmware::example::checksum;
use faceveil_firmware::{board, count, host};
use faceveil_int8::{Aligned, Frame, Input, Model, PixelFormat};

include!(concat!(env!("OUT_DIR"), "/model.rs"));

const FRAME_LEN: usize = 3 * WIDTH * HEIGHT;

/// At a multiple of 16.
#[repr(align(16))]
struct Vectors<T>(T);

static mut ARENA: Vectors<[i8; ARENA_LEN]> = Vectors([0; ARENA_LEN]);
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
    let (arena, bytes) = unsafe { (&mut (*addr_of_mut!(ARENA)).0, &mut (*addr_of_mut!(FRAME)).0) };
    let mut words = [0; 512];
    let path = host::argument(1, &mut words).ok_or("no frame was named")?;
    host::read(path, bytes).ok_or("the frame cannot be read, or is too short")?;
    board::repaint_stack();
    let model = Model::parse(&MODEL.0).map_err(|_| "the network is broken")?;
    let frame = Frame { format: PixelFormat::Rgb888, width: WIDTH, height: HEIGHT, bytes };
    let start = count::instructions();
    let out = model.run(Input::Frame(frame), arena).map_err(|_| "the network does not take the frame")?;
    let instructions = count::instructions() - start;
    let stack = board::stack_used();
    let numbers = [
        ("output", checksum(out.iter().map(|&v| v as u8)).into()),
        ("arena", ARENA_LEN as u64),
        ("stack", stack as u64),
        ("pixels", FRAME_LEN as u64),
        ("model", MODEL.0.len() as u64),
        ("macs", model.macs()),
        ("instructions", instructions),
    ];
    for (name, value) in numbers {
        host::number(name, value);
    }
    Ok(())
}
