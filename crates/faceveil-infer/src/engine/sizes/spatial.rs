//! Operations on pictures of channels: convolutions, pooling, resizing.

use super::{Call, Known, Made, Refusal, count};

/// Sides of a kernel, steps and pads are at most this; more is no face detector's.
const MAX_KERNEL: i64 = 1 << 10;

/// Kernel, strides, pads and dilations along one side.
#[derive(Clone, Copy)]
struct Side {
    kernel: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
}

impl Call<'_> {
    pub(super) fn conv(&self) -> Result<Made, Refusal> {
        let (x, w) = (self.input(0)?, self.input(1)?);
        let (&[batch, channels, ..], &[outputs, inputs, ..]) = (&x.dims[..], &w.dims[..]) else {
            return Err("a picture or weights without channels".into());
        };
        let groups = usize::try_from(self.attribute("group", 1)).unwrap_or(0);
        if x.dims.len() != w.dims.len() || groups == 0 || inputs.checked_mul(groups) != Some(channels) {
            return Err("the weights do not fit the channels".into());
        }
        let mut dims = vec![batch, outputs];
        for (side, &n) in self.sides(&w.dims[2..])?.iter().zip(&x.dims[2..]) {
            dims.push(self.pooled(n, side, false)?);
        }
        let taps = count(&w.dims[1..]) as u64;
        let work = (count(&dims) as u64).saturating_mul(taps);
        Ok(Made { outputs: vec![Known::sized(dims)], work })
    }

    pub(super) fn conv_transpose(&self) -> Result<Made, Refusal> {
        let (x, w) = (self.input(0)?, self.input(1)?);
        let (&[batch, channels, ..], &[inputs, outputs, ..]) = (&x.dims[..], &w.dims[..]) else {
            return Err("a picture or weights without channels".into());
        };
        let groups = usize::try_from(self.attribute("group", 1)).unwrap_or(0);
        let fits = x.dims.len() == w.dims.len() && inputs == channels && groups > 0;
        if !fits || self.list("output_shape").is_some() || self.is_same_padded() {
            return Err("the weights do not fit the channels, or the padding is chosen by the engine".into());
        }
        let extra = self.list("output_padding").unwrap_or_default();
        let outputs = outputs.checked_mul(groups).ok_or("too many channels")?;
        let mut dims = vec![batch, outputs];
        for (i, (side, &n)) in self.sides(&w.dims[2..])?.iter().zip(&x.dims[2..]).enumerate() {
            let extra = usize::try_from(extra.get(i).copied().unwrap_or(0)).ok().filter(|&e| e < side.stride);
            let extra = extra.ok_or("output padding")?;
            let steps = n.checked_sub(1).ok_or("an empty picture")?.checked_mul(side.stride);
            let reach = (side.kernel - 1) * side.dilation + 1;
            let full = steps.and_then(|s| s.checked_add(reach + extra)).ok_or("too large")?;
            dims.push(full.checked_sub(side.before + side.after).ok_or("pads are larger than the picture")?);
        }
        let work = (count(&x.dims) as u64).saturating_mul(count(&w.dims[1..]) as u64);
        Ok(Made { outputs: vec![Known::sized(dims)], work })
    }

    pub(super) fn pool(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        if self.node.outputs.len() > 1 {
            return Err("a second output".into());
        }
        let kernel = self.list("kernel_shape").ok_or("no kernel_shape")?;
        let kernel: Vec<usize> = kernel.iter().map(|&k| usize::try_from(k).unwrap_or(0)).collect();
        if x.dims.len() != kernel.len() + 2 {
            return Err("the kernel does not fit the picture".into());
        }
        let up = self.attribute("ceil_mode", 0) != 0;
        let mut dims = x.dims[..2].to_vec();
        for (side, &n) in self.sides(&kernel)?.iter().zip(&x.dims[2..]) {
            dims.push(self.pooled(n, side, up)?);
        }
        Ok(Known::sized(dims))
    }

    pub(super) fn global_pool(&self) -> Result<Known, Refusal> {
        let mut dims = self.input(0)?.dims.clone();
        dims.iter_mut().skip(2).for_each(|n| *n = 1);
        Ok(Known::sized(dims))
    }

    pub(super) fn resize(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let newer = self.node.op == "Resize" && self.inputs.len() > 2;
        let (scales, sizes) = if newer { (2, 3) } else { (1, usize::MAX) };
        if let Some(sizes) = self.optional(sizes).and_then(|k| k.ints.as_deref()).filter(|s| !s.is_empty()) {
            let dims: Option<Vec<usize>> = sizes.iter().map(|&n| usize::try_from(n).ok()).collect();
            let dims = dims.filter(|d| d.len() == x.dims.len()).ok_or("the sizes do not fit")?;
            return Ok(Known::sized(dims));
        }
        let listed = self.node.attributes.get("scales").map(|a| a.floats.as_slice());
        let given = self.optional(scales).and_then(|k| k.floats.as_deref()).or(listed);
        let scales =
            given.filter(|s| s.len() == x.dims.len()).ok_or("the scales are not known or do not fit")?;
        let scaled = |(&n, &scale): (&usize, &f32)| (n as f64 * f64::from(scale)).floor();
        let dims: Vec<f64> = x.dims.iter().zip(scales).map(scaled).collect();
        if dims.iter().any(|n| !(1.0..1e9).contains(n)) {
            return Err("the scales are out of range".into());
        }
        Ok(Known::sized(dims.into_iter().map(|n| n as usize).collect()))
    }

    pub(super) fn depth_to_space(&self) -> Result<Known, Refusal> {
        let block = usize::try_from(self.attribute("blocksize", 0)).unwrap_or(0);
        let &[batch, channels, height, width] = &self.input(0)?.dims[..] else {
            return Err("not a picture of channels".into());
        };
        let square = block.checked_mul(block).filter(|&s| s > 0 && channels.is_multiple_of(s));
        let square = square.ok_or("the block does not fit the channels")?;
        let dims = [batch, channels / square, height.saturating_mul(block), width.saturating_mul(block)];
        Ok(Known::sized(dims.to_vec()))
    }

    fn is_same_padded(&self) -> bool {
        self.node.attributes.get("auto_pad").is_some_and(|a| a.text.starts_with("SAME"))
    }

    fn sides(&self, kernel: &[usize]) -> Result<Vec<Side>, Refusal> {
        let numbers = |name: &str, len: usize, default: i64, least: i64| {
            let list = self.list(name).filter(|l| !l.is_empty()).map_or(vec![default; len], <[i64]>::to_vec);
            let fits = list.len() == len && list.iter().all(|n| (least..=MAX_KERNEL).contains(n));
            let list = list.into_iter().map(|n| n as usize).collect::<Vec<_>>();
            fits.then_some(list).ok_or(Refusal::Unfit("strides, pads or dilations"))
        };
        let len = kernel.len();
        if kernel.iter().any(|k| !(1..=MAX_KERNEL as usize).contains(k)) {
            return Err("kernel size".into());
        }
        let (strides, dilations) = (numbers("strides", len, 1, 1)?, numbers("dilations", len, 1, 1)?);
        let pads = numbers("pads", 2 * len, 0, 0)?;
        let side = |i: usize| Side {
            kernel: kernel[i],
            stride: strides[i],
            dilation: dilations[i],
            before: pads[i],
            after: pads[len + i],
        };
        Ok((0..len).map(side).collect())
    }

    /// Outputs along a side of `n`.
    fn pooled(&self, n: usize, side: &Side, up: bool) -> Result<usize, Refusal> {
        if self.is_same_padded() {
            return Ok(n.div_ceil(side.stride));
        }
        let reach = (side.kernel - 1) * side.dilation + 1;
        let padded = n.checked_add(side.before + side.after).ok_or("too large")?;
        let free = padded.checked_sub(reach).ok_or("the picture is smaller than the kernel")?;
        Ok(if up { free.div_ceil(side.stride) } else { free / side.stride } + 1)
    }
}
