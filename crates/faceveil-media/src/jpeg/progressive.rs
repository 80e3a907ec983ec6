//! A JPEG of one scan as a progressive one, without loss.
//!
//! The encoder could write progressive files itself, but holds the whole picture several times to
//! do so. Its sequential file is a picture of a tenth of that size: here it is read twice, row by
//! row, first to count symbols and then to write all scans side by side.

use crate::inspect::{Part, inspect};
use crate::jpeg::bit_writer::{BitWriter, Code, magnitude, segment};
use crate::jpeg::block::{self, Block, State};
use crate::jpeg::entropy::{Kind, Scan};
use crate::jpeg::header::{Frame, OnlyScan};
use crate::jpeg::huffman::Bits;

/// Writes the progressive file; `None` if `sequential` is not a sound file of one scan without
/// restarts.
pub(super) fn progressive(sequential: &[u8]) -> Option<Vec<u8>> {
    let parts = inspect(sequential).ok()?;
    let source = OnlyScan::find(sequential, &parts)?;
    let mut counting: Vec<Pass<Counts>> = plan(&source.frame);
    sweep(&source, &mut counting)?;
    let mut writing: Vec<Pass<Writer>> = counting.into_iter().map(Pass::coded).collect();
    sweep(&source, &mut writing)?;
    Some(assemble(sequential, &parts, writing))
}

/// One scan of the progressive file, of coefficients `start..=end`.
struct Pass<S> {
    components: Vec<(usize, u8)>,
    start: usize,
    end: usize,
    sink: S,
    previous: [i32; 4],
    /// Blocks since the last coefficient.
    run: u32,
}

/// Frequencies of symbols, for up to two tables a scan.
struct Counts([[u32; 256]; 2]);

struct Writer {
    codes: [Code; 2],
    out: BitWriter,
}

trait Sink {
    fn symbol(&mut self, table: u8, symbol: u8, bits: u32, size: u32);
}

impl Sink for Counts {
    fn symbol(&mut self, table: u8, symbol: u8, _: u32, _: u32) {
        self.0[usize::from(table)][usize::from(symbol)] += 1;
    }
}

impl Sink for Writer {
    fn symbol(&mut self, table: u8, symbol: u8, bits: u32, size: u32) {
        self.codes[usize::from(table)].put(&mut self.out, symbol, bits, size);
    }
}

/// All DC coefficients, then the first few of each component, then the rest.
fn plan(frame: &Frame) -> Vec<Pass<Counts>> {
    let pass = |components, start, end| Pass {
        components,
        start,
        end,
        sink: Counts([[0; 256]; 2]),
        previous: [0; 4],
        run: 0,
    };
    let all = 0..frame.components.len();
    let dc = all.clone().map(|c| (c, u8::from(c > 0))).collect();
    let low = all.clone().map(|c| pass(vec![(c, 0)], 1, 5));
    let high = all.map(|c| pass(vec![(c, 0)], 6, 63));
    std::iter::once(pass(dc, 0, 0)).chain(low).chain(high).collect()
}

impl Pass<Counts> {
    fn coded(self) -> Pass<Writer> {
        let codes = self.sink.0.each_ref().map(Code::new);
        let sink = Writer { codes, out: BitWriter::default() };
        Pass { sink, components: self.components, start: self.start, end: self.end, previous: [0; 4], run: 0 }
    }
}

impl<S: Sink> Pass<S> {
    /// T.81 section G.1.2.1.
    fn dc(&mut self, component: usize, table: u8, block: &Block) {
        let (bits, size) = magnitude(i32::from(block[0]) - self.previous[component]);
        self.previous[component] = block[0].into();
        self.sink.symbol(table, size as u8, bits, size);
    }

    /// T.81 section G.1.2.2.
    fn ac(&mut self, block: &Block) {
        let mut zeros = 0;
        for &value in &block[self.start..=self.end] {
            if value == 0 {
                zeros += 1;
                continue;
            }
            self.end_run();
            while zeros > 15 {
                self.sink.symbol(0, 0xF0, 0, 0);
                zeros -= 16;
            }
            let (bits, size) = magnitude(value.into());
            self.sink.symbol(0, zeros << 4 | size as u8, bits, size);
            zeros = 0;
        }
        if zeros > 0 {
            self.run += 1;
            if self.run == 0x7FFF {
                self.end_run();
            }
        }
    }

    /// Writes how many blocks had nothing more.
    fn end_run(&mut self) {
        if let Some(size) = self.run.checked_ilog2() {
            self.sink.symbol(0, (size as u8) << 4, self.run - (1 << size), size);
            self.run = 0;
        }
    }
}

/// Reads the source once and gives every block to every pass.
fn sweep<S: Sink>(source: &OnlyScan, passes: &mut [Pass<S>]) -> Option<()> {
    let frame = &source.frame;
    let (across, down) = frame.units();
    let mut bits = Bits::new(source.data, 0);
    let mut state = State::default();
    let mut planes: Vec<Vec<Block>> = frame
        .components
        .iter()
        .map(|c| vec![[0; 64]; across as usize * usize::from(c.horizontal) * usize::from(c.vertical)])
        .collect();
    for y in 0..down as usize {
        read_row(source, &mut bits, &mut state, across as usize, &mut planes)?;
        for pass in &mut *passes {
            match pass.components[..] {
                [(component, _)] if pass.start > 0 => ac_row(frame, component, y, &planes[component], pass),
                _ => dc_row(frame, across as usize, &planes, pass),
            }
        }
    }
    passes.iter_mut().for_each(Pass::end_run);
    Some(())
}

/// Reads a row of units; each plane is the component's blocks of it, row by row.
fn read_row(
    source: &OnlyScan,
    bits: &mut Bits,
    state: &mut State,
    across: usize,
    planes: &mut [Vec<Block>],
) -> Option<()> {
    let scan: &Scan = &source.scan;
    for unit in 0..across {
        for (index, (component, plane)) in source.frame.components.iter().zip(&mut *planes).enumerate() {
            let (h, v) = (usize::from(component.horizontal), usize::from(component.vertical));
            state.component = index;
            for (dy, dx) in (0..v).flat_map(|dy| (0..h).map(move |dx| (dy, dx))) {
                let block = &mut plane[dy * across * h + unit * h + dx];
                *block = [0; 64];
                block::read(bits, Kind::Sequential, scan, source.tables(index), Some(block), state)?;
            }
        }
    }
    (!bits.overrun()).then_some(())
}

/// In the order of units, as a scan of several components has them.
fn dc_row<S: Sink>(frame: &Frame, across: usize, planes: &[Vec<Block>], pass: &mut Pass<S>) {
    for unit in 0..across {
        for i in 0..pass.components.len() {
            let (component, table) = pass.components[i];
            let c = frame.components[component];
            let (h, v) = (usize::from(c.horizontal), usize::from(c.vertical));
            for (dy, dx) in (0..v).flat_map(|dy| (0..h).map(move |dx| (dy, dx))) {
                pass.dc(component, table, &planes[component][dy * across * h + unit * h + dx]);
            }
        }
    }
}

/// Row by row, only blocks that hold picture, as a scan of one component has them.
fn ac_row<S: Sink>(frame: &Frame, component: usize, y: usize, plane: &[Block], pass: &mut Pass<S>) {
    let (across, down) = frame.blocks(component);
    let vertical = usize::from(frame.components[component].vertical);
    let rows = plane.chunks_exact(plane.len() / vertical);
    let real = (down as usize).saturating_sub(y * vertical);
    for row in rows.take(real) {
        row[..across as usize].iter().for_each(|block| pass.ac(block));
    }
}

/// The source's segments up to its tables, then scan after scan.
fn assemble(sequential: &[u8], parts: &[Part], passes: Vec<Pass<Writer>>) -> Vec<u8> {
    let mut file = Vec::new();
    for part in parts {
        let whole = &sequential[part.offset..part.offset + part.length];
        match &*part.name {
            "DHT" | "SOS" | "scan" | "EOI" => {}
            "SOF0" => segment(&mut file, 0xC2, part.data(sequential)),
            _ => file.extend_from_slice(whole),
        }
    }
    let ids = parts.iter().find(|p| p.name == "SOF0").map_or(&[][..], |p| &p.data(sequential)[6..]);
    for pass in passes {
        let class = u8::from(pass.start > 0) << 4;
        let mut header = vec![pass.components.len() as u8];
        for &(component, table) in &pass.components {
            header.extend([ids[component * 3], if class == 0 { table << 4 } else { table }]);
        }
        header.extend([pass.start as u8, pass.end as u8, 0]);
        for (number, code) in pass.sink.codes.iter().enumerate().filter(|(_, c)| !c.symbols.is_empty()) {
            let table = [&[class | number as u8], &code.counts[..], &code.symbols].concat();
            segment(&mut file, 0xC4, &table);
        }
        segment(&mut file, 0xDA, &header);
        file.extend(pass.sink.out.finish());
    }
    file.extend(b"\xFF\xD9");
    file
}
