//! Networks in 8-bit integers: our file and TFLite's.

use faceveil_int8::model::FileBytes;
use faceveil_int8::{Frame, Input, Model, PixelFormat, RunError};

/// Larger networks are parsed only: a run would take the fuzzer's time.
const MOST_ARENA: usize = 1 << 20;
const MOST_MACS: u64 = 1 << 20;

/// A network's file is read or refused; what is read runs, with values or with frames, whatever the arena held.
pub fn int8(bytes: &[u8]) {
    let file = FileBytes::new(bytes);
    let Ok(model) = Model::parse(file.bytes()) else { return };
    let input = model.input();
    let too_much = model.arena_len() > MOST_ARENA || model.macs() > MOST_MACS || input.len() > MOST_ARENA;
    if too_much || model.steps() > 100 {
        return;
    }
    let mut arena = vec![-86; model.arena_len()];
    let values = vec![5; input.len()];
    let pixels = vec![200; 3 * input.places()];
    let frame =
        Frame { format: PixelFormat::Rgb888, width: input.width, height: input.height, bytes: &pixels };
    for input in [Input::Values(&values), Input::Frame(frame)] {
        match model.run(input, &mut arena) {
            Ok(_) | Err(RunError::Kind) => {}
            Err(e) => panic!("what was parsed does not run: {e}"),
        }
        arena.fill(17);
    }
    assert!(model.run(Input::Values(&values), &mut arena[1..]).is_err(), "the arena is too short");
}

/// A TFLite file is read or refused, in int8 and in floats; what is read can be written in our form, or is refused for
/// its scales or sizes; what is written is read.
pub fn tflite(bytes: &[u8]) {
    let _ = faceveil_quant::tflite::import::float(bytes);
    let Ok(net) = faceveil_quant::tflite::import::int8(bytes) else { return };
    let Ok(written) = faceveil_quant::file::write(&net) else { return };
    int8(&written);
    let exported = faceveil_quant::tflite::export::int8(&net, "again").expect("it came from such a file");
    if let Err(e) = faceveil_quant::tflite::import::int8(&exported) {
        panic!("what is exported is not read: {e}");
    }
}
