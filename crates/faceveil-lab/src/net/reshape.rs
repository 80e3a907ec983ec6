//! Weights of a network for one with the same blocks and other channels, so that a larger one begins with what a smaller one
//! learned (Net2WiderNet, Chen 2016, section 2.3).

use faceveil_net::{Graph, Node, Op};

use super::layout::{Layout, Role};
use crate::dataset::random::Random;

/// Weights for `to` of those of `from`, both without batch norms. Channel `c` of `to` does what channel `c mod n` of the `n` did; what
/// reads copies shares the weight among them, each in random parts, so that they learn different things from the first
/// step on. Where `to` has more channels everywhere it says what `from` said. Of a narrower one the last channels are gone,
/// which changes what it says.
///
/// The last node of `from` and what `to` has in its place may differ (a mask, a picture): there `new`, the first weights of
/// an untrained `to`, stay. `None` if more differs than that.
pub fn reshaped(from: &Graph, values: &[f32], to: &Graph, new: &[f32], seed: u64) -> Option<Vec<f32>> {
    let same = from.nodes().iter().zip(to.nodes()).take_while(|(a, b)| alike(a, b)).count();
    if same + 1 < from.nodes().len() {
        return None;
    }
    let (old, wanted) = (Layout::of(from), Layout::of(to));
    let mut out = new.to_vec();
    for (n, (a, b)) in old.params.iter().zip(&wanted.params).enumerate() {
        if b.node >= same {
            break;
        }
        let random = Random::stream(seed, n as u64);
        let copied = Copied { from: a.shape, to: b.shape };
        let shares = b.role == Role::Weight && matches!(to.nodes()[b.node].op, Op::Conv { .. });
        copied.fill(&values[a.range.clone()], &mut out[b.range.clone()], shares.then_some(random));
    }
    Some(out)
}

/// Whether two nodes do the same, but for their channels.
fn alike(a: &Node, b: &Node) -> bool {
    let op = match (a.op, b.op) {
        (
            Op::Conv { kernel, stride, norm, activation, .. },
            Op::Conv { kernel: k, stride: s, norm: n, activation: act, .. },
        ) => (kernel, stride, norm, activation) == (k, s, n, act),
        (a, b) => a == b && !matches!(a, Op::TransposedConv { .. } | Op::Concat),
    };
    op && a.inputs == b.inputs
}

/// One parameter in two shapes.
struct Copied {
    from: [usize; 4],
    to: [usize; 4],
}

impl Copied {
    /// Copies by the channels' remainders; with `random`, copies of an input share what its weight was.
    fn fill(&self, old: &[f32], new: &mut [f32], mut random: Option<Random>) {
        let ([outs, ins, h, w], [_, more, ..]) = (self.from, self.to);
        let kernel = h * w;
        for (c, row) in new.chunks_exact_mut(more * kernel).enumerate() {
            let shares = random.as_mut().map(|random| shares(more, ins, random));
            for (i, square) in row.chunks_exact_mut(kernel).enumerate() {
                let at = (c % outs * ins + i % ins) * kernel;
                let share = shares.as_ref().map_or(1.0, |shares| shares[i]);
                for (to, from) in square.iter_mut().zip(&old[at..]) {
                    *to = share * from;
                }
            }
        }
    }
}

/// Shares of `more` inputs, of which all with the same remainder by `ins` have 1 together.
fn shares(more: usize, ins: usize, random: &mut Random) -> Vec<f32> {
    let mut shares: Vec<f32> = (0..more).map(|_| 0.5 + random.unit() as f32).collect();
    for rest in 0..ins.min(more) {
        let sum: f32 = shares.iter().skip(rest).step_by(ins).sum();
        shares.iter_mut().skip(rest).step_by(ins).for_each(|share| *share /= sum);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::fast::Fast;

    const NARROW: &str = "gate-96_16.0.1.1_24.1.2.2_32.1.2.2";

    fn network(name: &str) -> (Graph, Vec<f32>) {
        let graph = faceveil_net::by_name(name).expect("it is spelled out").resized(32, 32).unwrap();
        let graph = graph.without_norms();
        let (mut values, _) = Layout::of(&graph).init(1);
        let mut random = Random::new(2);
        values.iter_mut().for_each(|v| *v += (0.1 * random.normal()) as f32);
        (graph, values)
    }

    fn said(graph: &Graph, values: &[f32], pixels: &[f32]) -> Vec<f32> {
        Fast::new(graph, 1).expect("it knows the operations").infer(values, &[], pixels).to_vec()
    }

    #[test]
    fn a_wider_network_says_the_same() {
        let (from, values) = network(NARROW);
        let mut random = Random::new(3);
        let pixels: Vec<f32> = (0..from.input_shape().len()).map(|_| random.unit() as f32).collect();
        let want = said(&from, &values, &pixels);
        // Wider by a half, by none, and more than twice.
        let (to, new) = network("gate-96_24.0.1.1_24.1.2.2_80.1.2.2");
        let got = reshaped(&from, &values, &to, &new, 7).expect("the blocks are the same");
        assert_eq!(got.len(), new.len());
        for (a, b) in said(&to, &got, &pixels).iter().zip(&want) {
            assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{a} {b}");
        }
        // Copies that would stay alike would be no use.
        let weight = &Layout::of(&to).params[0];
        let entering = Layout::of(&to).params.iter().find(|p| p.shape[1] == 24).unwrap().range.clone();
        assert_eq!(weight.shape[0], 24);
        assert_ne!(got[entering.start], got[entering.start + 16], "shares of the two copies of channel 0");
    }

    #[test]
    fn a_narrower_network_keeps_its_first_channels_and_a_head_may_differ() {
        let (from, values) = network("gate");
        let (to, new) = network("direct");
        let got = reshaped(&from, &values, &to, &new, 7).expect("the trunk has the same blocks");
        let (a, b) = (Layout::of(&from), Layout::of(&to));
        let first = a.params[0].range.clone();
        assert_eq!(b.params[0].range, first);
        assert_eq!(got[first.clone()], values[first]);
        let head = b.params[b.params.len() - 2].range.clone();
        assert_eq!(got[head.clone()], new[head], "what is added to the picture is not the mask's");
    }

    #[test]
    fn other_blocks_are_none() {
        let (from, values) = network(NARROW);
        for other in ["gate-96_16.1.1.1_24.1.2.2_32.1.2.2", "gate-96_16.0.1.1_24.1.2.2", "thesis-student-v1"]
        {
            let (to, new) = network(other);
            assert_eq!(reshaped(&from, &values, &to, &new, 7), None, "{other}");
        }
    }
}
