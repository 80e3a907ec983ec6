//! The emulator's console and files: Arm's semihosting, <https://github.com/ARM-software/abi-aa/blob/main/semihosting>.

use core::fmt::{self, Write};

const OPEN: usize = 1;
const CLOSE: usize = 2;
const WRITE0: usize = 4;
const READ: usize = 6;
const COMMAND_LINE: usize = 0x15;
const EXIT: usize = 0x18;
const EXIT_CODE: usize = 0x20;

fn call(operation: usize, argument: usize) -> isize {
    let result: isize;
    // SAFETY: the emulator reads and writes only what the operation's arguments point to.
    #[cfg(target_arch = "arm")]
    unsafe {
        core::arch::asm!("bkpt 0xab", inout("r0") operation => result, in("r1") argument);
    }
    #[cfg(not(target_arch = "arm"))]
    {
        let _ = (operation, argument);
        result = -1;
    }
    result
}

/// A line in the making, ended by a zero.
struct Line {
    bytes: [u8; 128],
    len: usize,
}

impl Line {
    fn flush(&mut self) {
        self.bytes[self.len] = 0;
        call(WRITE0, self.bytes.as_ptr() as usize);
        self.len = 0;
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.len == self.bytes.len() - 1 {
                self.flush();
            }
            self.bytes[self.len] = byte;
            self.len += 1;
        }
        Ok(())
    }
}

/// Prints; QEMU shows it on its standard error.
pub fn print(text: fmt::Arguments<'_>) {
    let mut line = Line { bytes: [0; 128], len: 0 };
    let _ = line.write_fmt(text);
    line.flush();
}

/// Prints a name and a number. Without `core::fmt`, whose code is no part of what a device would run.
pub fn number(name: &str, value: u64) {
    let mut line = Line { bytes: [0; 128], len: 0 };
    let (mut digits, mut at, mut rest) = ([0; 20], 20, value);
    while at == 20 || rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let digits = core::str::from_utf8(&digits[at..]).unwrap_or_default();
    let _ = [name, " ", digits, "\n"].map(|text| line.write_str(text));
    line.flush();
}

/// Prints a line.
pub fn say(text: &str) {
    let mut line = Line { bytes: [0; 128], len: 0 };
    let _ = [text, "\n"].map(|text| line.write_str(text));
    line.flush();
}

/// Ends the emulator with this code.
pub fn exit(code: i32) -> ! {
    // ADP_Stopped_ApplicationExit.
    let block = [0x2_0026, code as usize];
    call(EXIT_CODE, block.as_ptr() as usize);
    call(EXIT, 0x2_0023);
    loop {}
}

/// Word `index` of the emulator's `arg=` settings.
pub fn argument(index: usize, buffer: &mut [u8; 512]) -> Option<&str> {
    let block = [buffer.as_mut_ptr() as usize, buffer.len()];
    if call(COMMAND_LINE, block.as_ptr() as usize) != 0 {
        return None;
    }
    let end = buffer.iter().position(|&b| b == 0)?;
    let words = core::str::from_utf8(&buffer[..end]).ok()?.as_bytes().split(|&b| b == b' ');
    words.skip(index).map(core::str::from_utf8).next()?.ok()
}

/// Fills `bytes` from the start of the host's file; `None` unless it has as many.
pub fn read(path: &str, bytes: &mut [u8]) -> Option<()> {
    let mut name = [0u8; 512];
    name.get_mut(..path.len())?.copy_from_slice(path.as_bytes());
    // Mode 1: "rb".
    let file = call(OPEN, [name.as_ptr() as usize, 1, path.len()].as_ptr() as usize);
    if file < 0 {
        return None;
    }
    // Gives how many bytes were not read.
    let left = call(READ, [file as usize, bytes.as_mut_ptr() as usize, bytes.len()].as_ptr() as usize);
    call(CLOSE, [file as usize].as_ptr() as usize);
    (left == 0).then_some(())
}
