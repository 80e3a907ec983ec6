//! Attackers: who is it, asked with numbers that stand for faces. Rows are photos; all vectors are of unit length, so that a
//! product is the cosine.

use faceveil_eval::Rate;

/// The false accept rate at which the true accept rate is told.
pub const FAR: f64 = 1e-3;
/// Penalties that the trained attacker tries, as shares of the kernel's mean diagonal.
const PENALTIES: [f64; 4] = [1e-2, 1e-1, 1.0, 10.0];
/// Parts that the videos fall into, each tested once and trained on otherwise.
const FOLDS: u32 = 3;

/// Who is on each photo, from which video, and whether that is the person's first one: the gallery.
#[derive(Clone, Debug, Default)]
pub struct Album {
    /// Number of the person.
    pub people: Vec<usize>,
    /// Number of the video.
    pub videos: Vec<u32>,
    /// Whether the photo is of the person's first video.
    pub gallery: Vec<bool>,
}

impl Album {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.people.iter().max().map_or(0, |most| most + 1)
    }

    fn side(&self, gallery: bool) -> Vec<usize> {
        (0..self.people.len()).filter(|i| self.gallery[*i] == gallery).collect()
    }
}

/// The cosine, or any inner product.
pub fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

/// Makes a vector of unit length.
pub fn unit(v: &mut [f32]) {
    let length = dot(v, v).sqrt().max(1e-12);
    v.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
}

/// Share of the queries whose nearest photo in the gallery is of the same person.
pub fn rank1(gallery: &[Vec<f32>], queries: &[Vec<f32>], album: &Album) -> Option<Rate> {
    let (known, asked) = (album.side(true), album.side(false));
    let right = asked.iter().filter(|q| {
        let near = known
            .iter()
            .max_by(|a, b| dot(&gallery[**a], &queries[**q]).total_cmp(&dot(&gallery[**b], &queries[**q])));
        near.is_some_and(|g| album.people[*g] == album.people[**q])
    });
    Rate::new(right.count(), asked.len())
}

/// Share of the pairs of one person, a query and a gallery photo, that are at least as alike as the one in a thousand most
/// alike pairs of different people. The pairs are not independent, so the interval is too narrow.
pub fn true_accepts(gallery: &[Vec<f32>], queries: &[Vec<f32>], album: &Album) -> Option<Rate> {
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for q in album.side(false) {
        for g in album.side(true) {
            let side = if album.people[q] == album.people[g] { &mut same } else { &mut other };
            side.push(dot(&gallery[g], &queries[q]));
        }
    }
    other.sort_by(|a, b| b.total_cmp(a));
    let threshold = *other.get((FAR * other.len() as f64) as usize)?;
    Rate::new(same.iter().filter(|s| **s > threshold).count(), same.len())
}

/// Cosines of photos of different people: mean, and share under `limit`.
pub fn strangers(photos: &[Vec<f32>], album: &Album, limit: f64) -> Option<(f64, Rate)> {
    let (mut sum, mut under, mut count) = (0.0, 0, 0usize);
    for (i, a) in photos.iter().enumerate() {
        for (j, b) in photos.iter().enumerate().skip(i + 1) {
            if album.people[i] != album.people[j] {
                let cosine = dot(a, b);
                (sum, under, count) = (sum + cosine, under + usize::from(cosine < limit), count + 1);
            }
        }
    }
    Rate::new(under, count).map(|rate| (sum / count as f64, rate))
}

/// A ridge classifier in kernel form (there are more numbers than photos) on hidden photos of all videos but the query's:
/// fold by fold, the video's number modulo three. Its penalty is the one that is best for the attacker on the queries
/// themselves, so the rate is an upper bound of what this classifier can do.
pub fn trained(features: &[Vec<f32>], album: &Album) -> Option<Rate> {
    let n = features.len();
    let mut gram = vec![0.0; n * n];
    for i in 0..n {
        for j in i..n {
            let value = dot(&features[i], &features[j]);
            (gram[i * n + j], gram[j * n + i]) = (value, value);
        }
    }
    let folds: Vec<Fold> = (0..FOLDS).filter_map(|fold| Fold::new(&gram, n, album, fold)).collect();
    let rate = |penalty: f64| {
        let (right, asked) =
            folds.iter().map(|f| f.right(penalty, album)).fold((0, 0), |s, r| (s.0 + r.0, s.1 + r.1));
        Rate::new(right, asked)
    };
    PENALTIES.into_iter().filter_map(rate).max_by(|a, b| a.rate.total_cmp(&b.rate))
}

/// One part of the photos against the others, the others' mean taken off.
struct Fold {
    train: Vec<usize>,
    test: Vec<usize>,
    /// Inner products among `train`.
    kernel: Vec<f64>,
    /// Inner products of `test` with `train`.
    cross: Vec<f64>,
}

impl Fold {
    fn new(gram: &[f64], n: usize, album: &Album, fold: u32) -> Option<Self> {
        let train: Vec<usize> = (0..n).filter(|i| album.videos[*i] % FOLDS != fold).collect();
        let known = |person: usize| train.iter().any(|t| album.people[*t] == person);
        let test: Vec<usize> =
            (0..n).filter(|i| album.videos[*i] % FOLDS == fold && known(album.people[*i])).collect();
        if test.is_empty() {
            return None;
        }
        let m = train.len() as f64;
        let means: Vec<f64> =
            (0..n).map(|i| train.iter().map(|t| gram[i * n + t]).sum::<f64>() / m).collect();
        let whole = train.iter().map(|t| means[*t]).sum::<f64>() / m;
        let centred = |i: usize, j: usize| gram[i * n + j] - means[i] - means[j] + whole;
        let kernel = train.iter().flat_map(|i| train.iter().map(move |j| centred(*i, *j))).collect();
        let cross = test.iter().flat_map(|i| train.iter().map(move |j| centred(*i, *j))).collect();
        Some(Self { kernel, cross, train, test })
    }

    fn right(&self, penalty: f64, album: &Album) -> (usize, usize) {
        let (m, people) = (self.train.len(), album.count());
        let mut kernel = self.kernel.clone();
        let trace: f64 = (0..m).map(|i| kernel[i * m + i]).sum();
        (0..m).for_each(|i| kernel[i * m + i] += penalty * trace / m as f64 + 1e-12);
        let mut target = vec![0.0; m * people];
        for (row, t) in self.train.iter().enumerate() {
            target[row * people + album.people[*t]] = 1.0;
        }
        for person in 0..people {
            let mean = (0..m).map(|i| target[i * people + person]).sum::<f64>() / m as f64;
            (0..m).for_each(|i| target[i * people + person] -= mean);
        }
        solve(&mut kernel, m, &mut target, people);
        let right = self.test.iter().enumerate().filter(|(row, t)| {
            let weights = &self.cross[row * m..][..m];
            let mut scores = vec![0.0; people];
            for (weight, values) in weights.iter().zip(target.chunks_exact(people)) {
                scores.iter_mut().zip(values).for_each(|(s, v)| *s += weight * v);
            }
            let best = (0..people).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
            best == Some(album.people[**t])
        });
        (right.count(), self.test.len())
    }
}

/// Solves `A X = B` for a positive definite `A` of `m` × `m` by Cholesky; `B` of `k` columns becomes `X`.
fn solve(a: &mut [f64], m: usize, b: &mut [f64], k: usize) {
    for i in 0..m {
        for j in 0..=i {
            let sum = (0..j).fold(a[i * m + j], |s, t| s - a[i * m + t] * a[j * m + t]);
            a[i * m + j] = if i == j { sum.max(1e-18).sqrt() } else { sum / a[j * m + j] };
        }
    }
    for i in 0..m {
        let (done, rest) = b.split_at_mut(i * k);
        for t in 0..i {
            let factor = a[i * m + t];
            rest[..k].iter_mut().zip(&done[t * k..][..k]).for_each(|(x, y)| *x -= factor * y);
        }
        rest[..k].iter_mut().for_each(|x| *x /= a[i * m + i]);
    }
    for i in (0..m).rev() {
        let (before, after) = b.split_at_mut((i + 1) * k);
        let row = &mut before[i * k..];
        for t in i + 1..m {
            let factor = a[t * m + i];
            row.iter_mut().zip(&after[(t - i - 1) * k..][..k]).for_each(|(x, y)| *x -= factor * y);
        }
        row.iter_mut().for_each(|x| *x /= a[i * m + i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::random::Random;

    /// Photos of people whose vectors are a person's own plus noise.
    fn photos(people: usize, noise: f64) -> (Vec<Vec<f32>>, Album) {
        let mut random = Random::new(4);
        let mut draw =
            |spread: f64| -> Vec<f32> { (0..24).map(|_| (spread * random.normal()) as f32).collect() };
        let (mut rows, mut album) = (Vec::new(), Album::default());
        for person in 0..people {
            let own = draw(1.0);
            for photo in 0..6 {
                let mut row: Vec<f32> = own.iter().zip(draw(noise)).map(|(o, n)| o + n).collect();
                unit(&mut row);
                rows.push(row);
                album.people.push(person);
                album.videos.push(photo / 2);
                album.gallery.push(photo < 2);
            }
        }
        (rows, album)
    }

    #[test]
    fn who_is_like_himself_is_found_and_noise_is_not() {
        let (clear, album) = photos(20, 0.2);
        let (noise, _) = photos(20, 500.0);
        let rate = |r: Option<Rate>| r.unwrap().rate;
        assert_eq!(rate(rank1(&clear, &clear, &album)), 1.0);
        assert_eq!(rate(true_accepts(&clear, &clear, &album)), 1.0);
        assert_eq!(rate(trained(&clear, &album)), 1.0);
        for found in [rank1(&clear, &noise, &album), rank1(&noise, &noise, &album), trained(&noise, &album)] {
            assert!(rate(found) < 0.2, "{found:?}");
        }
        assert!(rate(true_accepts(&noise, &noise, &album)) < 0.05);
        let (mean, under) = strangers(&clear, &album, 0.4).unwrap();
        assert!(mean.abs() < 0.1 && under.rate > 0.9, "{mean} {under:?}");
    }

    #[test]
    fn one_person_alone_says_nothing() {
        let (clear, album) = photos(1, 0.2);
        assert_eq!(true_accepts(&clear, &clear, &album), None, "nobody is different");
        assert_eq!(strangers(&clear, &album, 0.4), None);
        assert_eq!(rank1(&[], &[], &Album::default()), None);
    }

    #[test]
    fn the_equations_are_solved() {
        let a = [4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let x = [1.0, -2.0, 0.5, 3.0, -1.0, 4.0];
        let mut b = vec![0.0; 6];
        for i in 0..3 {
            for c in 0..2 {
                b[i * 2 + c] = (0..3).map(|j| a[i * 3 + j] * x[j * 2 + c]).sum();
            }
        }
        solve(&mut a.clone(), 3, &mut b, 2);
        for (got, want) in b.iter().zip(x) {
            assert!((got - want).abs() < 1e-12, "{b:?}");
        }
    }
}
