//! Weights of a network for one with the same blocks and other channels, or with more blocks, so that a larger one begins
//! with what a smaller one learned (Net2WiderNet, Chen 2016, section 2.3; for deeper ones section 2.4).

use faceveil_net::{Graph, Node, NodeId, Op};

use super::layout::{Layout, Role};
use crate::dataset::random::Random;

/// What the last weights of a block that is new begin with, as a share of random ones: at nothing the weights before them
/// would learn nothing at first.
const FAINT: f32 = 0.1;

/// Weights for `to` of those of `from`, both without batch norms. Channel `c` of `to` does what channel `c mod n` of the `n` did; what
/// reads copies shares the weight among them, each in random parts, so that they learn different things from the first
/// step on. Where `to` has more channels everywhere it says what `from` said. Of a narrower one the last channels are gone,
/// which changes what it says, and so does a residual block that `to` lacks. Those that only `to` has add a tenth of what they would
/// untrained.
///
/// The last node of `from` and what `to` has in its place may differ (a mask, a picture): there `new`, the first weights of
/// an untrained `to`, stay. `None` if more differs than that.
pub fn reshaped(from: &Graph, values: &[f32], to: &Graph, new: &[f32], seed: u64) -> Option<Vec<f32>> {
    let origins = aligned(from, to)?;
    let (old, wanted) = (Layout::of(from), Layout::of(to));
    let mut out = new.to_vec();
    for (n, b) in wanted.params.iter().enumerate() {
        let conv = b.role == Role::Weight && matches!(to.nodes()[b.node].op, Op::Conv { .. });
        let target = &mut out[b.range.clone()];
        match origins[b.node] {
            Origin::Node(id) => {
                let a = old.params.iter().find(|a| (a.node, a.role) == (id, b.role))?;
                let random = Random::stream(seed, n as u64);
                let copied = Copied { from: a.shape, to: b.shape };
                copied.fill(&values[a.range.clone()], target, conv.then_some(random));
            }
            Origin::BlockEnd if conv => target.iter_mut().for_each(|w| *w *= FAINT),
            Origin::BlockEnd | Origin::New => {}
        }
    }
    Some(out)
}

/// Where a node's weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A node of the old network.
    Node(NodeId),
    /// Nowhere: the last convolution of a residual block that the old network lacks.
    BlockEnd,
    /// Nowhere.
    New,
}

/// The origin of each node of `to`; `None` if the networks differ by more than channels, residual blocks and the end.
///
/// Where both have a residual block it is the same one; what only one of them has is new, or left out.
fn aligned(from: &Graph, to: &Graph) -> Option<Vec<Origin>> {
    let mut origins = Vec::new();
    // For each node of `from` so far the node of `to` that gives what it gave.
    let mut places: Vec<Option<NodeId>> = Vec::new();
    while places.len() < from.nodes().len() {
        let (i, j) = (places.len(), origins.len());
        let source = places.last().copied().flatten();
        let theirs = i.checked_sub(1).and_then(|before| residual(from, i, before));
        let ours = source.and_then(|source| residual(to, j, source));
        match (theirs, ours) {
            (None, Some(len)) => {
                origins.extend((1..=len).map(|n| if n + 1 == len { Origin::BlockEnd } else { Origin::New }));
                // What read the block before reads the new one.
                places[i - 1] = Some(j + len - 1);
            }
            (Some(len), None) => {
                places.resize(i + len - 1, None);
                places.push(source);
            }
            _ => match to.nodes().get(j) {
                Some(node) if alike(&from.nodes()[i], node, &places) => {
                    origins.push(Origin::Node(i));
                    places.push(Some(j));
                }
                _ if i + 1 == from.nodes().len() => break,
                _ => return None,
            },
        }
    }
    origins.resize(to.nodes().len(), Origin::New);
    Some(origins)
}

/// How many nodes the residual block has that begins at `at` and is added to what it reads, `source`, if one does.
fn residual(graph: &Graph, at: NodeId, source: NodeId) -> Option<usize> {
    let nodes = graph.nodes().get(at..)?;
    let len = 1 + nodes.iter().position(|node| !matches!(node.op, Op::Conv { .. } | Op::Depthwise { .. }))?;
    let chain = (0..len - 1).all(|n| nodes[n].inputs[..] == [if n == 0 { source } else { at + n - 1 }]);
    let adds = len > 1 && nodes[len - 1].op == Op::Add && nodes[len - 1].inputs[..] == [at + len - 2, source];
    (chain && adds).then_some(len)
}

/// Whether two nodes do the same, but for their channels, with what `places` says of their inputs.
fn alike(a: &Node, b: &Node, places: &[Option<NodeId>]) -> bool {
    let op = match (a.op, b.op) {
        (
            Op::Conv { kernel, stride, norm, activation, .. },
            Op::Conv { kernel: k, stride: s, norm: n, activation: act, .. },
        ) => (kernel, stride, norm, activation) == (k, s, n, act),
        (a, b) => a == b && !matches!(a, Op::TransposedConv { .. } | Op::Concat),
    };
    op && a.inputs.iter().map(|&id| places[id]).eq(b.inputs.iter().copied().map(Some))
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
    fn a_deeper_network_says_nearly_the_same() {
        let (from, values) = network(NARROW);
        let mut random = Random::new(3);
        let pixels: Vec<f32> = (0..from.input_shape().len()).map(|_| random.unit() as f32).collect();
        let want = said(&from, &values, &pixels);
        // A block more at the finest level, where there was none; behind one; before the coarsest, and wider.
        for deeper in [
            "gate-96_16.1.1.1_24.1.2.2_32.1.2.2",
            "gate-96_16.0.1.1_24.2.2.2_32.1.2.2",
            "gate-96_16.0.1.1_24.1.2.2_48.3.2.2",
        ] {
            let (to, new) = network(deeper);
            let origins = aligned(&from, &to).expect("it has the same and more");
            assert_eq!(
                origins.iter().filter(|o| matches!(o, Origin::Node(_))).count(),
                from.nodes().len(),
                "{deeper}"
            );
            let mut got = reshaped(&from, &values, &to, &new, 7).expect("it has the same and more");
            let nearly = said(&to, &got, &pixels);
            let far = nearly.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let largest = want.iter().fold(0.0, |largest: f32, v| largest.max(v.abs()));
            assert!(far > 0.0 && far < 0.5 * largest, "{deeper}: {far} of {largest}");
            // With nothing in place of little it is the same.
            for param in &Layout::of(&to).params {
                if origins[param.node] == Origin::BlockEnd {
                    got[param.range.clone()].fill(0.0);
                }
            }
            for (a, b) in said(&to, &got, &pixels).iter().zip(&want) {
                assert!((a - b).abs() < 1e-3 * b.abs().max(1.0), "{deeper}: {a} {b}");
            }
        }
    }

    #[test]
    fn a_shallower_network_lacks_a_block_only() {
        let (from, _) = network("gate-96_16.2.1.1_24.2.2.2_32.1.2.2");
        let (to, _) = network("gate-96_16.0.1.1_24.1.2.2_32.3.2.2");
        let origins = aligned(&from, &to).expect("it has the same but for blocks");
        let (old, own) = (from.nodes(), to.nodes());
        for (node, origin) in own.iter().zip(&origins) {
            let Origin::Node(id) = *origin else { continue };
            assert_eq!((node.op, node.shape), (old[id].op, old[id].shape), "{id}");
        }
        let new = origins.iter().filter(|o| !matches!(o, Origin::Node(_))).count();
        assert_eq!(new, 8, "two blocks of four nodes");
        // The stem is read by what comes after the two blocks that are gone.
        assert_eq!(origins[..4], [0, 1, 2, 9].map(Origin::Node));
    }

    #[test]
    fn other_blocks_are_none() {
        let (from, values) = network(NARROW);
        for other in ["gate-96_16.0.1.1_24.1.1.2_32.1.2.2", "gate-96_16.0.1.1_24.1.2.2", "thesis-student-v1"]
        {
            let (to, new) = network(other);
            assert_eq!(reshaped(&from, &values, &to, &new, 7), None, "{other}");
        }
    }
}
