//! Operations element by element, and products of matrices.

use super::{Call, Known, Made, Refusal, count};

/// Operations whose result has the shape of their first input.
const UNARY: [&str; 33] = [
    "Abs",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Clip",
    "Cos",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Log",
    "LogSoftmax",
    "Neg",
    "Not",
    "PRelu",
    "Reciprocal",
    "Relu",
    "Round",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softmax",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
];
/// Operations whose inputs are stretched to one shape.
const STRETCHED: [&str; 15] = [
    "Add",
    "And",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "Pow",
    "Sub",
];

impl Call<'_> {
    /// `None` if the operation is not one of these.
    pub(super) fn element_wise(&self, op: &str) -> Result<Option<Known>, Refusal> {
        if UNARY.contains(&op) {
            return Ok(Some(self.unary(op)?));
        }
        if STRETCHED.contains(&op) || op == "Where" {
            return Ok(Some(self.stretched(op)?));
        }
        Ok(None)
    }

    fn unary(&self, op: &str) -> Result<Known, Refusal> {
        let x = self.input(0)?;
        if op == "PRelu" && stretch(&x.dims, &self.input(1)?.dims)? != x.dims {
            return Err("the slopes do not fit".into());
        }
        let (ints, floats) = match op {
            "Identity" => (x.ints.clone(), x.floats.clone()),
            // To an integer or a float: both are kept, later operations take what they need.
            "Cast" | "Floor" | "Ceil" => {
                let whole = |v: &Vec<f32>| v.iter().map(|&f| rounded(op, f) as i64).collect();
                let ints = x.ints.clone().or_else(|| x.floats.as_ref().map(whole));
                let float = |v: &Vec<i64>| v.iter().map(|&i| i as f32).collect();
                (ints, x.floats.clone().or_else(|| x.ints.as_ref().map(float)))
            }
            _ => (None, None),
        };
        Ok(Known { dims: x.dims.clone(), ints, floats })
    }

    fn stretched(&self, op: &str) -> Result<Known, Refusal> {
        let mut dims = self.input(0)?.dims.clone();
        for index in 1..self.inputs.len() {
            dims = stretch(&dims, &self.input(index)?.dims)?;
        }
        let mut made = Known::sized(dims);
        if let ("Add" | "Sub" | "Mul" | "Div", [Some(a), Some(b)]) = (op, &self.inputs[..])
            && count(&made.dims) <= super::MAX_KNOWN
        {
            made.ints = joined(a.ints.as_deref(), b.ints.as_deref(), count(&made.dims), |a, b| match op {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                _ => a.checked_div(b),
            });
            made.floats = joined(a.floats.as_deref(), b.floats.as_deref(), count(&made.dims), |a, b| {
                Some(match op {
                    "Add" => a + b,
                    "Sub" => a - b,
                    "Mul" => a * b,
                    _ => a / b,
                })
            });
        }
        Ok(made)
    }

    pub(super) fn mat_mul(&self) -> Result<Made, Refusal> {
        let (a, b) = (&self.input(0)?.dims[..], &self.input(1)?.dims[..]);
        let ([a_outer @ .., rows, inner], [b_outer @ .., same, columns]) = (a, b) else {
            return Err("not matrices".into());
        };
        if inner != same {
            return Err("the inner sides differ".into());
        }
        let mut dims = stretch(a_outer, b_outer)?;
        dims.extend([*rows, *columns]);
        let work = (count(&dims) as u64).saturating_mul(*inner as u64);
        Ok(Made { outputs: vec![Known::sized(dims)], work })
    }

    pub(super) fn gemm(&self) -> Result<Made, Refusal> {
        let (&[mut rows, mut inner], &[mut same, mut columns]) =
            (&self.input(0)?.dims[..], &self.input(1)?.dims[..])
        else {
            return Err("not matrices".into());
        };
        if self.attribute("transA", 0) != 0 {
            (rows, inner) = (inner, rows);
        }
        if self.attribute("transB", 0) != 0 {
            (same, columns) = (columns, same);
        }
        if inner != same {
            return Err("the inner sides differ".into());
        }
        let work = (count(&[rows, columns]) as u64).saturating_mul(inner as u64);
        Ok(Made { outputs: vec![Known::sized(vec![rows, columns])], work })
    }
}

fn rounded(op: &str, value: f32) -> f32 {
    match op {
        "Floor" => value.floor(),
        "Ceil" => value.ceil(),
        _ => value.trunc(),
    }
}

/// The shape to which both are stretched: sides are equal or 1, counted from the last.
pub(super) fn stretch(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Refusal> {
    let len = a.len().max(b.len());
    let side = |dims: &[usize], i: usize| (i + dims.len()).checked_sub(len).map_or(1, |at| dims[at]);
    let both = |i: usize| match (side(a, i), side(b, i)) {
        (1, n) | (n, 1) => Ok(n),
        (m, n) if m == n => Ok(n),
        _ => Err(Refusal::Unfit("the shapes do not fit each other")),
    };
    (0..len).map(both).collect()
}

/// Two small lists, element by element; a list of one goes with any.
fn joined<T: Copy>(
    a: Option<&[T]>,
    b: Option<&[T]>,
    len: usize,
    of: impl Fn(T, T) -> Option<T>,
) -> Option<Vec<T>> {
    let (a, b) = (a?, b?);
    let get = |list: &[T], i: usize| if list.len() == 1 { list.first() } else { list.get(i) }.copied();
    if [a, b].iter().any(|l| l.len() != 1 && l.len() != len) {
        return None;
    }
    (0..len).map(|i| of(get(a, i)?, get(b, i)?)).collect()
}
