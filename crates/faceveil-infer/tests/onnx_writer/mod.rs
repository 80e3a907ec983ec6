//! Writes small ONNX files, sound or not. Field numbers are those of `onnx.proto`.
#![allow(dead_code, reason = "each test binary uses its own share")]

/// A protobuf field of bytes.
pub fn bytes(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(body.len() as u64, &mut out);
    out.extend(body);
    out
}

fn number(field: u8, value: u64) -> Vec<u8> {
    let mut out = vec![field << 3];
    varint(value, &mut out);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Repeatable values in `-0.5..0.5`.
pub fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut random = Random(seed);
    std::iter::repeat_with(|| random.below(1 << 20) as f32 / (1 << 20) as f32 - 0.5).take(count).collect()
}

/// A small generator of repeatable numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ x >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ x >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ x >> 31) % limit as u64) as usize
    }
}

/// A graph in the making; its picture input is `x`.
#[derive(Clone, Default)]
pub struct Writer {
    body: Vec<u8>,
    tensors: usize,
    zeros: usize,
}

impl Writer {
    /// Adds a tensor of floats; its name.
    pub fn tensor(&mut self, dims: &[usize], floats: &[f32]) -> String {
        self.tensors += 1;
        let name = format!("w{}", self.tensors);
        let mut body: Vec<u8> = dims.iter().flat_map(|&d| number(1, d as u64)).collect();
        body.extend(number(2, 1));
        body.extend(bytes(8, name.as_bytes()));
        body.extend(bytes(9, &floats.iter().flat_map(|f| f.to_le_bytes()).collect::<Vec<_>>()));
        self.body.extend(bytes(5, &body));
        name
    }

    /// Adds a tensor of integers; its name.
    pub fn ints(&mut self, values: &[i64]) -> String {
        self.tensors += 1;
        let name = format!("w{}", self.tensors);
        let mut body = number(1, values.len() as u64);
        body.extend(number(2, 7));
        body.extend(bytes(8, name.as_bytes()));
        body.extend(bytes(9, &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<_>>()));
        self.body.extend(bytes(5, &body));
        name
    }

    /// Adds an output of these values, which depends on the picture in form only.
    pub fn output(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let zero = format!("{name}_zero");
        if self.zeros == 0 {
            self.node("GlobalAveragePool", &["x"], "mean", &[]);
        }
        self.zeros += 1;
        let weights = self.tensor(&[1, 3, 1, 1], &[0.0; 3]);
        self.node("Conv", &["mean", &weights], &zero, &[("kernel_shape", &[1, 1])]);
        let flat = format!("{name}_flat");
        let shape = self.ints(&[1]);
        self.node("Reshape", &[&zero, &shape], &flat, &[]);
        let values = self.tensor(dims, values);
        self.node("Add", &[&flat, &values], name, &[]);
    }

    /// Adds a node with lists of integers as attributes; `group` stands alone.
    pub fn node(&mut self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[u64])]) {
        let mut body: Vec<u8> = inputs.iter().flat_map(|name| bytes(1, name.as_bytes())).collect();
        body.extend(bytes(2, output.as_bytes()));
        body.extend(bytes(4, op.as_bytes()));
        for (name, ints) in attributes {
            let mut attribute = bytes(1, name.as_bytes());
            if *name == "group" {
                attribute.extend(number(3, ints[0]));
            } else {
                attribute.extend(ints.iter().flat_map(|&n| number(8, n)));
            }
            body.extend(bytes(5, &attribute));
        }
        self.body.extend(bytes(1, &body));
    }

    /// A convolution of `from` (`inputs` channels) to `output` (`outputs` channels).
    pub fn conv(&mut self, from: &str, output: &str, shape: [usize; 2], kernel: Kernel, stride: u64) {
        let [inputs, outputs] = shape;
        let (dims, pad, group) = match kernel {
            Kernel::Point => ([outputs, inputs, 1, 1], 0, 1),
            Kernel::Full => ([outputs, inputs, 3, 3], 1, 1),
            Kernel::Depth => ([outputs, 1, 3, 3], 1, outputs as u64),
        };
        let seed = self.tensors as u64;
        let weights = self.tensor(&dims, &values(dims.iter().product(), seed));
        let bias = self.tensor(&[outputs], &values(outputs, seed + 1000));
        let attributes: [(&str, &[u64]); 3] =
            [("strides", &[stride; 2]), ("pads", &[pad; 4]), ("group", &[group])];
        self.node("Conv", &[from, &weights, &bias], output, &attributes);
    }

    /// A maximum over 2×2 pixels.
    pub fn pool(&mut self, from: &str, output: &str) {
        self.node("MaxPool", &[from], output, &[("kernel_shape", &[2, 2]), ("strides", &[2, 2])]);
    }

    /// Twice the size.
    pub fn upsample(&mut self, from: &str, output: &str) {
        let scales = self.tensor(&[4], &[1.0, 1.0, 2.0, 2.0]);
        self.node("Resize", &[from, "", &scales], output, &[]);
    }

    /// A 2×2 transposed convolution, stride 2.
    pub fn double(&mut self, from: &str, output: &str, [inputs, outputs]: [usize; 2]) {
        let weights = values(inputs * outputs * 4, self.tensors as u64);
        let weights = self.tensor(&[inputs, outputs, 2, 2], &weights);
        self.node("ConvTranspose", &[from, &weights], output, &[("strides", &[2, 2])]);
    }

    /// The whole file; the input declares no shape.
    pub fn finish(&self, outputs: &[&str]) -> Vec<u8> {
        self.with_input(&[], outputs)
    }

    /// The whole file, for the general engine as well: the input's type and shape and the version of the operations
    /// are declared. A side of 0 is free.
    pub fn finish_for(&self, dims: &[u64], outputs: &[&str]) -> Vec<u8> {
        let sides = dims.iter().flat_map(|&n| bytes(1, &if n == 0 { Vec::new() } else { number(1, n) }));
        let shape = bytes(2, &sides.collect::<Vec<u8>>());
        let kind = bytes(2, &bytes(1, &[number(1, 1), shape].concat()));
        let mut file = number(1, 7);
        file.extend(self.with_input(&kind, outputs));
        file.extend(bytes(8, &number(2, 13)));
        file
    }

    fn with_input(&self, kind: &[u8], outputs: &[&str]) -> Vec<u8> {
        let mut graph = self.body.clone();
        graph.extend(bytes(11, &[&bytes(1, b"x")[..], kind].concat()));
        graph.extend(outputs.iter().flat_map(|name| bytes(12, &bytes(1, name.as_bytes()))));
        bytes(7, &graph)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    Point,
    Full,
    Depth,
}
