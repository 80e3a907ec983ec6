//! Writes a network as one C99 file: weights, arena, kernels and a function that runs it. It needs `<stdint.h>` and
//! nothing else, and gives the same bits as `faceveil-int8`. Plain loops: for boards that have no other way.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use faceveil_int8::format::Kind;
use faceveil_net::Shape;

use crate::file::{folded, lookup_table, sum_scales};
use crate::network::{IntNet, NetworkError, Op};
use crate::plan::{Program, Step, program};
use crate::scale::PIXELS;

const KERNELS: &str = include_str!("kernels.c");
const BEGIN: &str = "/*== ";

/// The file of `net`; its functions are named `name_run` and so on. `name` is made an identifier.
///
/// # Errors
/// [`NetworkError`] if the network cannot be planned.
pub fn write(net: &IntNet, name: &str) -> Result<String, NetworkError> {
    let program = program(net)?;
    let mut writer = Writer { net, program: &program, name: identifier(name), used: BTreeSet::new() };
    let mut constants = String::new();
    let mut calls = String::new();
    for (n, step) in program.steps.iter().enumerate() {
        writer.constants(n, step, &mut constants)?;
        writer.call(n, step, &mut calls);
    }
    let head = writer.head().unwrap_or_default();
    let run = writer.run(&calls).unwrap_or_default();
    Ok(format!("{head}{}{constants}\n{run}", writer.kernels()))
}

fn identifier(name: &str) -> String {
    let word: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if word.starts_with(|c: char| c.is_ascii_alphabetic()) { word } else { format!("net_{word}") }
}

struct Writer<'n> {
    net: &'n IntNet,
    program: &'n Program,
    name: String,
    /// Kernels that are called, and what those need.
    used: BTreeSet<&'static str>,
}

/// A list of numbers as C has it.
fn numbers<N: fmt::Display>(values: impl IntoIterator<Item = N>) -> String {
    let mut text = String::new();
    for (n, value) in values.into_iter().enumerate() {
        let separator = if n % 24 == 23 { ",\n    " } else { "," };
        let _ = write!(text, "{value}{separator}");
    }
    text
}

impl Writer<'_> {
    fn shape(&self, id: usize) -> Shape {
        self.net.network.nodes[id].shape
    }

    /// Where the value of a node lies.
    fn place(&self, id: usize) -> String {
        format!("arena + {}", self.program.offsets[id].unwrap_or(0))
    }

    fn first_read(&self, step: &Step) -> usize {
        step.reads.first().or(self.net.network.nodes[step.node].inputs.first()).copied().unwrap_or(0)
    }

    fn constants(&mut self, n: usize, step: &Step, out: &mut String) -> Result<(), NetworkError> {
        let net = self.net;
        let node = &net.network.nodes[step.node];
        let (min, max) = net.bounds(step.node);
        let zero = net.quants[step.node].zero;
        let _ = match step.kind {
            Kind::First | Kind::Pointwise | Kind::Conv | Kind::Depthwise | Kind::TransposedConv => {
                let c = folded(net, step.node, self.first_read(step))?;
                let weights = node.op.constants().map_or(&[][..], |c| &c.weights);
                let [bias, multipliers] = [numbers(c.bias), numbers(c.multipliers)];
                let (weights, shifts) = (numbers(weights), numbers(c.shifts));
                write!(
                    out,
                    "static const int8_t w{n}[] = {{{weights}}};\nstatic const int32_t b{n}[] = {{{bias}}};\n\
                     static const int32_t m{n}[] = {{{multipliers}}};\nstatic const int8_t s{n}[] = {{{shifts}}};\n\
                     static const struct fv_layer l{n} = {{w{n}, b{n}, m{n}, s{n}, {zero}, {min}, {max}}};\n"
                )
            }
            Kind::Add | Kind::AddUpsampled => {
                let [first, second] = [step.reads[0], step.reads[1]];
                let [a, b, sum] = sum_scales(net, step.node, [first, second])?;
                let zeros = [first, second].map(|id| net.quants[id].zero);
                writeln!(
                    out,
                    "static const struct fv_sum a{n} = {{{}, {}, {}, {}, {}, {}, {}, {}, {zero}, {min}, {max}}};",
                    zeros[0],
                    a.multiplier,
                    a.shift,
                    zeros[1],
                    b.multiplier,
                    b.shift,
                    sum.multiplier,
                    sum.shift
                )
            }
            Kind::Lookup => {
                let table = lookup_table(net, step.node, self.first_read(step))?;
                writeln!(out, "static const int8_t t{n}[] = {{{}}};", numbers(table))
            }
            _ => Ok(()),
        };
        if let Kind::Conv | Kind::Depthwise = step.kind {
            let id = self.first_read(step);
            let (from, to, w) = (self.shape(id), self.shape(step.node), step.window);
            let _ = writeln!(
                out,
                "static const struct fv_window v{n} = {{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}};",
                from.height,
                from.width,
                from.channels,
                to.height,
                to.width,
                to.channels,
                w.kernel[0],
                w.kernel[1],
                w.stride,
                w.pad_top,
                w.pad_left,
                net.quants[id].zero
            );
        }
        Ok(())
    }

    fn uses(&mut self, names: &[&'static str]) {
        self.used.extend(names);
    }

    fn call(&mut self, n: usize, step: &Step, out: &mut String) {
        let to = self.shape(step.node);
        let input = self.shape(0);
        let target = self.place(step.node);
        let read = |n: usize| step.reads.get(n).copied().unwrap_or(0);
        let (a, b) = (self.place(read(0)), self.place(read(1)));
        let Shape { height, width, channels } = self.shape(read(0));
        let places = height * width;
        let sides = format!("{a}, {height}, {width}, {channels}");
        let own = self.net.quants[step.node].zero;
        let zero = self.net.quants[read(0)].zero;
        let second = self.shape(read(1));
        let call = match step.kind {
            Kind::Load if self.takes_values() && !self.takes_frames() => {
                format!("for (i = 0; i < {}; i++) ({target})[i] = values[i]", to.len())
            }
            Kind::Load => {
                self.uses(&["frame", "load"]);
                format!("fv_load(frame, format, {}, {}, {}, {target})", input.height, input.width, step.block)
            }
            Kind::First => {
                self.uses(&["frame", "layer", "dot", "pointwise", "first"]);
                let (h, w) = (input.height, input.width);
                format!("fv_first(frame, format, {h}, {w}, {}, {}, &l{n}, {target})", step.block, to.channels)
            }
            Kind::Pointwise => {
                self.uses(&["layer", "dot", "pointwise"]);
                format!("fv_pointwise({a}, {places}, {channels}, {}, &l{n}, {target})", to.channels)
            }
            Kind::Conv => {
                self.uses(&["layer", "dot", "window", "conv"]);
                format!("fv_conv({a}, &v{n}, &l{n}, {target})")
            }
            Kind::Depthwise if a == target => {
                self.uses(&["layer", "window", "depthwise", "depthwise_in_place"]);
                format!("fv_depthwise_in_place({target}, &v{n}, &l{n}, arena + {})", step.scratch.0)
            }
            Kind::Depthwise => {
                self.uses(&["layer", "window", "depthwise", "depthwise_apart"]);
                format!("fv_depthwise({a}, &v{n}, &l{n}, {target})")
            }
            Kind::TransposedConv => {
                self.uses(&["layer", "transposed_conv"]);
                format!("fv_transposed_conv({sides}, {}, {zero}, &l{n}, {target})", to.channels)
            }
            Kind::Add => {
                self.uses(&["sum", "add"]);
                format!("fv_add({a}, {b}, {}, &a{n}, {target})", to.len())
            }
            Kind::AddUpsampled => {
                self.uses(&["sum", "add_upsampled"]);
                format!("fv_add_upsampled({sides}, {b}, &a{n}, {target})")
            }
            Kind::MaxPool => {
                self.uses(&["max_pool"]);
                format!("fv_max_pool({sides}, {target})")
            }
            Kind::Upsample => {
                self.uses(&["upsample"]);
                format!("fv_upsample({sides}, {target})")
            }
            Kind::Concat => {
                self.uses(&["concat"]);
                format!("fv_concat({a}, {channels}, {b}, {}, {places}, {target})", second.channels)
            }
            Kind::Append => {
                self.uses(&["concat"]);
                format!("fv_concat({a}, {}, {b}, {}, 1, {target})", places * channels, second.len())
            }
            Kind::Shuffle => {
                self.uses(&["shuffle"]);
                format!("fv_shuffle({sides}, {}, {target})", step.block)
            }
            Kind::Lookup => {
                self.uses(&["lookup"]);
                format!("fv_lookup(t{n}, {a}, {}, {target})", to.len())
            }
            Kind::PadChannels => {
                self.uses(&["pad_channels"]);
                format!("fv_pad_channels({a}, {places}, {channels}, {}, {own}, {target})", to.channels)
            }
            other => format!("#error {other:?}"),
        };
        let _ = writeln!(out, "    {call};");
    }

    /// Whether the input is RGB of 8 bits.
    fn takes_frames(&self) -> bool {
        self.net.quants[0] == PIXELS && self.shape(0).channels == 3
    }

    /// Whether the input's values are copied as they are.
    fn takes_values(&self) -> bool {
        self.program.steps.iter().any(|s| s.kind == Kind::Load && s.block == 1)
    }

    /// The kernels that are called, in the order of their file.
    fn kernels(&self) -> String {
        let mut text = String::new();
        for section in KERNELS.split(BEGIN).skip(1) {
            let Some((name, body)) = section.split_once(" */\n") else { continue };
            let sums = ["layer", "sum"].iter().any(|n| self.used.contains(n));
            let needed = match name {
                "shift" => sums || self.used.contains("frame"),
                "scale" => sums,
                _ => self.used.contains(name),
            };
            if needed {
                text += body;
            }
        }
        text
    }

    fn head(&self) -> Result<String, fmt::Error> {
        let name = &self.name;
        let mut text = String::new();
        let weights: usize =
            self.net.network.nodes.iter().filter_map(|n| n.op.constants()).map(|c| c.weights.len()).sum();
        let arena = self.program.arena;
        write!(
            text,
            "/* A network in 8-bit integers, written by faceveil. C99; needs stdint.h and nothing else.\n   \
             {weights} weights, {arena} bytes of memory; the same bits as faceveil-int8 and TFLite's reference kernels. */\n\
             #include <stdint.h>\n\n\
             #if defined(__GNUC__) && !defined(__clang__)\n\
             /* Loops that copy stay loops: there is no memcpy to call. */\n\
             #pragma GCC optimize (\"no-tree-loop-distribute-patterns\")\n#endif\n\n"
        )?;
        if self.takes_frames() {
            let blocks = self.program.steps.iter().map(|s| s.block).max().unwrap_or(1);
            writeln!(text, "enum {{ FV_RGB888, FV_RGB565, FV_YUV422, FV_BLOCK = {blocks} }};")?;
        }
        if self.used.contains("depthwise_apart") {
            let rows = self.program.steps.iter().map(|s| s.window.kernel[0]).max().unwrap_or(3);
            writeln!(text, "enum {{ FV_ROWS = {rows} }};")?;
        }
        for (n, &id) in self.net.network.outputs.iter().enumerate() {
            let (shape, quant) = (self.shape(id), self.net.quants[id]);
            writeln!(
                text,
                "enum {{ {name}_rows{n} = {}, {name}_columns{n} = {}, {name}_channels{n} = {} }}; /* (q - {}) * {:e} */",
                shape.height, shape.width, shape.channels, quant.zero, quant.scale
            )?;
        }
        Ok(text + "\n")
    }

    fn run(&self, calls: &str) -> Result<String, fmt::Error> {
        let name = &self.name;
        let mut text = String::new();
        writeln!(text, "static int8_t arena[{}];\n", self.program.arena)?;
        let Shape { height, width, channels } = self.shape(0);
        if self.takes_frames() {
            writeln!(
                text,
                "/* Runs the network on a frame of {height} rows of {width} pixels, without gaps: FV_RGB888, FV_RGB565\n   \
                 (little-endian) or FV_YUV422 (YUYV). */\n\
                 void {name}_run(const uint8_t *frame, int format);\n\
                 void {name}_run(const uint8_t *frame, int format) {{\n{calls}}}\n"
            )?;
        } else {
            writeln!(
                text,
                "/* Runs the network on {height} rows, {width} columns, {channels} channels. */\n\
                 void {name}_run(const int8_t *values);\n\
                 void {name}_run(const int8_t *values) {{\n    int i;\n{calls}}}\n"
            )?;
        }
        for (n, &id) in self.net.network.outputs.iter().enumerate() {
            let mut source = id;
            while self.net.network.nodes[source].op == Op::Reshape {
                source = self.net.network.nodes[source].inputs[0];
            }
            writeln!(
                text,
                "/* Output {n} of the last run. */\nconst int8_t *{name}_output{n}(void);\n\
                 const int8_t *{name}_output{n}(void) {{ return {}; }}",
                self.place(source)
            )?;
        }
        Ok(text)
    }
}
