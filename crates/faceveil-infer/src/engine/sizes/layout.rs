//! Operations that move elements, or make shapes from shapes.

use super::{Call, Known, MAX_KNOWN, Refusal, count};

impl Call<'_> {
    /// `None` if the operation is not one of these.
    pub(super) fn shaped(&self, op: &str) -> Result<Option<Known>, Refusal> {
        Ok(Some(match op {
            "Constant" => self.constant()?,
            "Shape" => {
                let dims = &self.input(0)?.dims;
                if self.node.attributes.contains_key("start") || self.node.attributes.contains_key("end") {
                    return Err("a part of a shape".into());
                }
                Known::listed(dims.iter().map(|&n| n as i64).collect())
            }
            "ConstantOfShape" => self.constant_of_shape()?,
            "Reshape" => self.reshape()?,
            "Flatten" => {
                let dims = &self.input(0)?.dims;
                let axis = self.attribute("axis", 1);
                let at = if axis == dims.len() as i64 { dims.len() } else { Self::axis(axis, dims.len())? };
                Known::sized(vec![count(&dims[..at]), count(&dims[at..])])
            }
            "Transpose" => self.transpose()?,
            "Unsqueeze" => self.unsqueeze()?,
            "Squeeze" => self.squeeze()?,
            "Concat" => self.concat()?,
            "Slice" => self.slice()?,
            "Gather" => self.gather()?,
            "Pad" => self.pad()?,
            "Expand" => self.expand()?,
            "Tile" => self.tile()?,
            "Range" => self.range()?,
            "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum" | "ReduceL2" | "ReduceProd" => {
                self.reduce()?
            }
            _ => return Ok(None),
        }))
    }

    fn constant(&self) -> Result<Known, Refusal> {
        let attribute = |name: &str| self.node.attributes.get(name);
        if let Some(tensor) = attribute("value").and_then(|a| a.tensor.clone()) {
            return Ok(Known::of(tensor));
        }
        let scalar = |ints, floats| Known { dims: Vec::new(), ints, floats };
        if let Some(a) = attribute("value_int") {
            return Ok(scalar(Some(vec![a.int]), None));
        }
        if let Some(a) = attribute("value_float") {
            return Ok(scalar(None, Some(vec![a.float])));
        }
        if let Some(a) = attribute("value_ints") {
            return Ok(Known::listed(a.ints.clone()));
        }
        let floats = attribute("value_floats").ok_or("a constant of a kind that is not read")?;
        Ok(Known { dims: vec![floats.floats.len()], ints: None, floats: Some(floats.floats.clone()) })
    }

    fn constant_of_shape(&self) -> Result<Known, Refusal> {
        let dims = sides(self.ints(0)?)?;
        let value = self.node.attributes.get("value").and_then(|a| a.tensor.as_ref());
        let int = value.and_then(|t| t.ints.first().copied());
        let ints = int.filter(|_| count(&dims) <= MAX_KNOWN).map(|n| vec![n; count(&dims)]);
        Ok(Known { dims, ints, floats: None })
    }

    fn reshape(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let wanted = match self.list("shape") {
            Some(shape) => shape,
            None => self.ints(1)?,
        };
        let keeps_zero = self.attribute("allowzero", 0) == 0;
        let mut dims = Vec::with_capacity(wanted.len());
        let mut free = None;
        for (i, &n) in wanted.iter().enumerate() {
            dims.push(match n {
                0 if keeps_zero => *x.dims.get(i).ok_or("copies a side that its input does not have")?,
                -1 if free.is_none() => {
                    free = Some(i);
                    1
                }
                n => usize::try_from(n).map_err(|_| Refusal::Unfit("a negative side"))?,
            });
        }
        if let Some(free) = free {
            let rest = count(&dims);
            let exact = rest > 0 && count(&x.dims).is_multiple_of(rest);
            dims[free] =
                if exact { count(&x.dims) / rest } else { return Err("the elements do not fit".into()) };
        }
        if count(&dims) != count(&x.dims) {
            return Err("the elements do not fit".into());
        }
        Ok(Known { dims, ..x.clone() })
    }

    fn transpose(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let backwards: Vec<i64> = (0..x.dims.len() as i64).rev().collect();
        let order = self.list("perm").unwrap_or(&backwards);
        let mut seen = vec![false; x.dims.len()];
        let mut dims = Vec::with_capacity(x.dims.len());
        for &axis in order {
            let axis = Self::axis(axis, x.dims.len())?;
            seen[axis] = true;
            dims.push(x.dims[axis]);
        }
        let whole = order.len() == x.dims.len() && seen.iter().all(|s| *s);
        if whole { Ok(Known::sized(dims)) } else { Err("an axis is missing or there twice".into()) }
    }

    fn unsqueeze(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let axes = self.ints_of("axes", 1)?.ok_or("no axes")?;
        let len = x.dims.len().saturating_add(axes.len());
        let mut axes = axes.into_iter().map(|a| Self::axis(a, len)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        axes.dedup();
        let mut dims = x.dims.clone();
        for &axis in &axes {
            if axis > dims.len() {
                return Err("an axis that its result does not have".into());
            }
            dims.insert(axis, 1);
        }
        Ok(Known { dims, ..x.clone() })
    }

    fn squeeze(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let Some(axes) = self.ints_of("axes", 1)? else {
            return Ok(Known { dims: x.dims.iter().copied().filter(|&n| n != 1).collect(), ..x.clone() });
        };
        let axes = axes.into_iter().map(|a| Self::axis(a, x.dims.len())).collect::<Result<Vec<_>, _>>()?;
        if axes.iter().any(|&a| x.dims[a] != 1) {
            return Err("a side that is not 1".into());
        }
        let dims = (0..x.dims.len()).filter(|i| !axes.contains(i)).map(|i| x.dims[i]).collect();
        Ok(Known { dims, ..x.clone() })
    }

    fn concat(&self) -> Result<Known, Refusal> {
        let first = self.input(0)?;
        let axis = Self::axis(self.attribute("axis", 0), first.dims.len())?;
        let (mut dims, mut total) = (first.dims.clone(), 0usize);
        let (mut ints, mut floats) = (Some(Vec::new()), Some(Vec::new()));
        for index in 0..self.inputs.len() {
            let x = self.input(index)?;
            let alike =
                x.dims.len() == dims.len() && (0..dims.len()).all(|i| i == axis || x.dims[i] == dims[i]);
            if !alike {
                return Err("the shapes do not fit each other".into());
            }
            total = total.saturating_add(x.dims[axis]);
            ints = ints.zip(x.ints.as_ref()).map(|(all, more)| [&all[..], more].concat());
            floats = floats.zip(x.floats.as_ref()).map(|(all, more)| [&all[..], more].concat());
        }
        dims[axis] = total;
        let flat = dims.len() == 1 && total <= MAX_KNOWN;
        Ok(Known { dims, ints: ints.filter(|_| flat), floats: floats.filter(|_| flat) })
    }

    pub(super) fn split(&self) -> Result<Vec<Known>, Refusal> {
        let x = self.input(0)?;
        let axis = Self::axis(self.attribute("axis", 0), x.dims.len())?;
        let (whole, parts) = (x.dims[axis], self.node.outputs.len().max(1));
        let lengths = match self.ints_of("split", 1)? {
            Some(lengths) => sides(&lengths)?,
            None => {
                let each = whole.div_ceil(parts);
                (0..parts).map(|i| whole.saturating_sub(i * each).min(each)).collect()
            }
        };
        if lengths.len() != parts || lengths.iter().fold(0, |all: usize, &n| all.saturating_add(n)) != whole {
            return Err("the parts do not fit".into());
        }
        let part = |length: usize| {
            let mut dims = x.dims.clone();
            dims[axis] = length;
            Known::sized(dims)
        };
        Ok(lengths.into_iter().map(part).collect())
    }

    fn slice(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let starts = self.ints_of("starts", 1)?.ok_or("no starts")?;
        let ends = self.ints_of("ends", 2)?.ok_or("no ends")?;
        let axes = self.ints_of("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.ints_of("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()].iter().any(|&n| n != starts.len()) {
            return Err("starts, ends, axes and steps differ in number".into());
        }
        let mut made = x.clone();
        for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = Self::axis(axis, x.dims.len())?;
            let span = Span::new(x.dims[axis], start, end, step)?;
            made.dims[axis] = span.count;
            let flat = x.dims.len() == 1;
            made.ints = x.ints.as_ref().filter(|_| flat).map(|v| span.pick(v));
            made.floats = x.floats.as_ref().filter(|_| flat).map(|v| span.pick(v));
        }
        Ok(made)
    }

    fn gather(&self) -> Result<Known, Refusal> {
        let (x, indices) = (self.input(0)?, self.input(1)?);
        let axis = Self::axis(self.attribute("axis", 0), x.dims.len())?;
        let dims = [&x.dims[..axis], &indices.dims, &x.dims[axis + 1..]].concat();
        let pick = |values: &Vec<i64>| -> Option<Vec<i64>> {
            let picked = indices.ints.as_ref()?.iter();
            picked.map(|&i| values.get(Self::axis(i, values.len()).ok()?).copied()).collect()
        };
        let ints = x.ints.as_ref().filter(|_| x.dims.len() == 1).and_then(pick);
        Ok(Known { dims, ints, floats: None })
    }

    fn pad(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let pads = self.ints_of("pads", 1)?.ok_or("no pads")?;
        let len = x.dims.len();
        if self.optional(3).is_some() || pads.len() != 2 * len {
            return Err("the pads do not fit, or name axes".into());
        }
        let padded = |i: usize| {
            let both = pads[i].checked_add(pads[len + i]).and_then(|p| p.checked_add(x.dims[i] as i64));
            both.and_then(|n| usize::try_from(n).ok()).ok_or(Refusal::Unfit("the pads are out of range"))
        };
        Ok(Known::sized((0..len).map(padded).collect::<Result<_, _>>()?))
    }

    fn expand(&self) -> Result<Known, Refusal> {
        let wanted = sides(self.ints(1)?)?;
        Ok(Known::sized(super::arithmetic::stretch(&self.input(0)?.dims, &wanted)?))
    }

    fn tile(&self) -> Result<Known, Refusal> {
        let (x, times) = (self.input(0)?, sides(self.ints(1)?)?);
        if times.len() != x.dims.len() {
            return Err("the repeats do not fit".into());
        }
        Ok(Known::sized(x.dims.iter().zip(&times).map(|(&n, &t)| n.saturating_mul(t)).collect()))
    }

    fn range(&self) -> Result<Known, Refusal> {
        let number = |index: usize| -> Result<f64, Refusal> {
            let known = self.input(index)?;
            let int = known.ints.as_ref().and_then(|v| v.first()).map(|&i| i as f64);
            let float = known.floats.as_ref().and_then(|v| v.first()).map(|&f| f64::from(f));
            int.or(float).ok_or(Refusal::Unfit("a shape depends on what is in the picture"))
        };
        let (start, limit, step) = (number(0)?, number(1)?, number(2)?);
        let steps = ((limit - start) / step).ceil().max(0.0);
        if steps >= 1e9 || steps.is_nan() {
            return Err("the range is too long".into());
        }
        Ok(Known::sized(vec![steps as usize]))
    }

    fn reduce(&self) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        let all = || (0..x.dims.len() as i64).collect();
        let axes = self.ints_of("axes", 1)?.filter(|a| !a.is_empty()).unwrap_or_else(all);
        let axes = axes.into_iter().map(|a| Self::axis(a, x.dims.len())).collect::<Result<Vec<_>, _>>()?;
        let keep = self.attribute("keepdims", 1) != 0;
        let side = |i: usize| if axes.contains(&i) { keep.then_some(1) } else { Some(x.dims[i]) };
        Ok(Known::sized((0..x.dims.len()).filter_map(side).collect()))
    }
}

impl Known {
    fn listed(ints: Vec<i64>) -> Self {
        Self { dims: vec![ints.len()], ints: Some(ints), floats: None }
    }
}

fn sides(ints: &[i64]) -> Result<Vec<usize>, Refusal> {
    let all: Option<Vec<usize>> = ints.iter().map(|&n| usize::try_from(n).ok()).collect();
    all.ok_or(Refusal::Unfit("a negative side"))
}

/// The places that a slice takes along a side.
struct Span {
    first: usize,
    count: usize,
    step: i64,
}

impl Span {
    /// Starts and ends beyond the side are clipped, negative ones count from its end.
    fn new(len: usize, start: i64, end: i64, step: i64) -> Result<Self, Refusal> {
        let len = len as i64;
        let from_end = |n: i64| if n < 0 { n.saturating_add(len) } else { n };
        let (start, end) = (from_end(start), from_end(end));
        let (first, way) = match step {
            1.. => (start.clamp(0, len), end.clamp(0, len) - start.clamp(0, len)),
            ..=-1 => (start.clamp(-1, len - 1), start.clamp(-1, len - 1) - end.clamp(-1, len - 1)),
            0 => return Err("a step of 0".into()),
        };
        let count = (way.max(0) as u64).div_ceil(step.unsigned_abs()) as usize;
        Ok(Self { first: first.max(0) as usize, count, step })
    }

    fn pick<T: Copy>(&self, values: &[T]) -> Vec<T> {
        (0..self.count as i64).map(|i| values[(self.first as i64 + i * self.step) as usize]).collect()
    }
}
