//! The ranges of a network's values, measured on pictures: what 8-bit values have to hold.
//!
//! A ranges file is text: `#` comments, then a line for each value, `value low high`, in the order of the plan,
//! or `value channel low high` for the channels of a graph output, each of which has a scale of its own.

use super::ops::{Kernel, Op, Ops, ValueId};
use crate::kernels::int8::Scale;

/// Why a ranges file does not fit a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangesError {
    /// A line that is neither form.
    #[error("line {line} is no range")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// A value of the network has no range.
    #[error("value {value}, channel {channel:?}, has no range")]
    Missing {
        /// Its number.
        value: usize,
        /// The channel, for graph outputs.
        channel: Option<usize>,
    },
}

/// What a network's 8-bit values stand for.
#[derive(Clone, Debug)]
pub(crate) struct Scales {
    values: Vec<Scale>,
    /// By graph output value.
    channels: Vec<Vec<Scale>>,
}

impl Scales {
    /// Reads the ranges of `ops` and turns them into scales.
    pub fn parse(text: &str, ops: &Ops) -> Result<Self, RangesError> {
        let count = ops.channels.len();
        let mut values = vec![None; count];
        let mut channels: Vec<Vec<Option<Scale>>> = (0..count)
            .map(|v| if is_output(ops, v) { vec![None; ops.channels[v]] } else { Vec::new() })
            .collect();
        for (index, line) in text.lines().enumerate().filter(|(_, l)| !l.starts_with('#') && !l.is_empty()) {
            let (value, channel, scale) = read_line(line).ok_or(RangesError::Line { line: index + 1 })?;
            let place = match channel {
                None => values.get_mut(value),
                Some(c) => channels.get_mut(value).and_then(|list| list.get_mut(c)),
            };
            *place.ok_or(RangesError::Line { line: index + 1 })? = Some(scale);
        }
        values[0] = Some(Scale::PIXELS);
        for (op, made) in &ops.list {
            // They only choose among the values that they read.
            if let Op::MaxPool(from) | Op::Upsample(from) = op {
                values[*made] = values[*from];
            }
        }
        let mut channels = channels
            .into_iter()
            .enumerate()
            .map(|(value, list)| {
                let known = list.into_iter().enumerate();
                let found = known.map(|(c, s)| s.ok_or(RangesError::Missing { value, channel: Some(c) }));
                found.collect::<Result<Vec<_>, _>>()
            })
            .collect::<Result<Vec<_>, _>>()?;
        let values = values.into_iter().enumerate().map(|(value, scale)| match scale {
            Some(scale) => Ok(scale),
            // Only read by the decoder, channel by channel.
            None if !channels[value].is_empty() => Ok(Scale::PIXELS),
            None => Err(RangesError::Missing { value, channel: None }),
        });
        let values: Vec<Scale> = values.collect::<Result<_, _>>()?;
        // Graph outputs that other operations read, too, or that are no convolution's: one scale for all channels.
        for &(_, value, ..) in &ops.outputs {
            if channels[value].is_empty() {
                channels[value] = vec![values[value]; ops.channels[value]];
            }
        }
        Ok(Self { values, channels })
    }

    /// Of a whole value.
    pub fn of(&self, value: ValueId) -> Scale {
        self.values[value]
    }

    /// Of the channels of a graph output.
    pub fn channels(&self, value: ValueId) -> &[Scale] {
        &self.channels[value]
    }

    /// Of one channel: its own for a graph output.
    pub fn of_channel(&self, value: ValueId, channel: usize) -> Scale {
        self.channels[value].get(channel).copied().unwrap_or(self.values[value])
    }
}

/// Whether a value is a graph output and nothing else, made by a convolution that can scale each channel.
pub(crate) fn is_output(ops: &Ops, value: ValueId) -> bool {
    let read = |(op, _): &(Op, ValueId)| match op {
        Op::Conv(a, _) | Op::MaxPool(a) | Op::Upsample(a) => *a == value,
        Op::Add(a, b) => *a == value || *b == value,
    };
    let made_by_conv = ops
        .list
        .iter()
        .any(|(op, made)| *made == value && matches!(op, Op::Conv(_, conv) if conv.kernel != Kernel::Double));
    made_by_conv && ops.outputs.iter().any(|o| o.1 == value) && !ops.list.iter().any(read)
}

fn read_line(line: &str) -> Option<(usize, Option<usize>, Scale)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let range = |low: &str, high: &str| {
        let (low, high): (f32, f32) = (low.parse().ok()?, high.parse().ok()?);
        (low.is_finite() && high.is_finite() && low <= high).then(|| Scale::of_range(low, high))
    };
    match words[..] {
        [value, low, high] => Some((value.parse().ok()?, None, range(low, high)?)),
        [value, channel, low, high] => {
            Some((value.parse().ok()?, Some(channel.parse().ok()?), range(low, high)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::ops::Conv;

    fn ops() -> Ops {
        let conv = |from| {
            let conv = Conv {
                kernel: Kernel::Point,
                stride: 1,
                weights: vec![1.0; 4],
                bias: vec![0.0; 2],
                relu: false,
            };
            Op::Conv(from, conv)
        };
        Ops {
            list: vec![(conv(0), 1), (Op::MaxPool(1), 2), (conv(2), 3)],
            channels: vec![2; 4],
            outputs: vec![("out".to_owned(), 3, 0, 2)],
        }
    }

    #[test]
    fn every_value_gets_a_scale() {
        let scales = Scales::parse("# made for the test\n1 -1 3\n3 0 0 8\n3 1 -2 2\n", &ops()).unwrap();
        assert_eq!(scales.of(0), Scale::PIXELS);
        assert_eq!(scales.of(2), Scale::of_range(-1.0, 3.0));
        assert_eq!(scales.of_channel(2, 1), Scale::of_range(-1.0, 3.0));
        assert_eq!(scales.of_channel(3, 0), Scale::of_range(0.0, 8.0));
        assert_eq!(scales.of_channel(3, 1), Scale::of_range(-2.0, 2.0));
    }

    #[test]
    fn an_output_that_is_read_again_has_a_scale_for_each_channel_too() {
        let mut ops = ops();
        ops.outputs.push(("inner".to_owned(), 2, 0, 2));
        let scales = Scales::parse("1 -1 3\n3 0 0 8\n3 1 -2 2\n", &ops).unwrap();
        assert_eq!(scales.channels(2), [Scale::of_range(-1.0, 3.0); 2]);
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let refused = |text| Scales::parse(text, &ops()).err();
        assert_eq!(refused("1 -1 3\n3 0 0 8\n"), Some(RangesError::Missing { value: 3, channel: Some(1) }));
        assert_eq!(refused("3 0 0 8\n3 1 0 8\n"), Some(RangesError::Missing { value: 1, channel: None }));
        for text in
            ["1", "1 2", "x 0 1", "1 1 0", "1 nan 2", "1 0 inf", "9 0 1", "3 2 0 1", "1 0 0 1", "-1 0 1"]
        {
            assert_eq!(refused(text), Some(RangesError::Line { line: 1 }), "{text}");
        }
    }
}
