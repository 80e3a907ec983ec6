//! Whether the shapes of a TFLite file's tensors are those that its operations make.

use faceveil_net::Shape;

use super::file::wrong;
use crate::network::{NetworkError, Op};

/// Whether an operation makes `to` of `from`; convolutions are checked where they are read.
pub(super) fn check<C>(id: usize, op: &Op<C>, from: &[Shape], to: Shape) -> Result<(), NetworkError> {
    let a = from[0];
    let same = |want: Shape| {
        wrong(id, "rows written", to.height, want.height)?;
        wrong(id, "columns written", to.width, want.width)?;
        wrong(id, "channels written", to.channels, want.channels)
    };
    let whole = |block: usize| {
        wrong(id, "rows left over", a.height % block, 0)?;
        wrong(id, "columns left over", a.width % block, 0)
    };
    match op {
        Op::Input | Op::Conv(..) | Op::Depthwise(..) => Ok(()),
        Op::TransposedConv(_) => same(Shape::new(2 * a.height, 2 * a.width, to.channels)),
        Op::Upsample => same(Shape::new(2 * a.height, 2 * a.width, a.channels)),
        Op::Unshuffle { block } => {
            whole(*block)?;
            same(Shape::new(a.height / block, a.width / block, a.channels * block * block))
        }
        Op::Shuffle { block } => {
            wrong(id, "channels left over", a.channels % (block * block), 0)?;
            same(Shape::new(a.height * block, a.width * block, a.channels / (block * block)))
        }
        Op::Add(_) => {
            wrong(id, "values of the second term", from[1].len(), a.len())?;
            same(a)
        }
        Op::Concat => {
            wrong(id, "places of the second tensor", from[1].places(), a.places())?;
            same(Shape { channels: a.channels + from[1].channels, ..a })
        }
        Op::Append => {
            wrong(id, "channels of the second tensor", from[1].channels, a.channels)?;
            wrong(id, "values written", to.len(), a.len() + from[1].len())
        }
        Op::MaxPool => {
            whole(2)?;
            same(Shape::new(a.height / 2, a.width / 2, a.channels))
        }
        Op::Pad { rows, columns, channels } => same(Shape::new(
            a.height + rows[0] + rows[1],
            a.width + columns[0] + columns[1],
            a.channels + channels,
        )),
        Op::Reshape | Op::Logistic | Op::Rescale(_) => wrong(id, "values written", to.len(), a.len()),
    }
}
