//! Draws a frame: a background, faces over it, things before them, light and noise.

use faceveil_data::truth::TruthFace;

use super::sprite::Sprite;
use super::{Actor, Dice, Frame, HEIGHT, Picture, WIDTH};

/// The part of a face that is judged.
const INNER: f64 = 0.8;

/// Where and how a face stands in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Pose {
    /// Of the annotated ellipse's middle.
    pub x: f32,
    pub y: f32,
    /// Width of the annotated face, pixels.
    pub size: f32,
    /// Turn in the picture, radians.
    pub angle: f32,
    /// Its width by what it would be from the front.
    pub squeeze: f32,
}

/// A face of a shot.
pub struct Player<'c> {
    pub id: u64,
    pub sprite: &'c Sprite,
    /// By the frame of the shot; `None` when it is not there.
    pub pose: Box<dyn Fn(f32) -> Option<Pose> + 'c>,
    /// Share of a frame's time that the shutter is open.
    pub shutter: f32,
}

/// Something before the faces: a rectangle of a background's pixels.
pub struct Pillar<'c> {
    pub texture: &'c Picture,
    /// Left, top, right, bottom by the frame of the shot.
    pub place: Box<dyn Fn(f32) -> [f32; 4] + 'c>,
}

/// Frames without a cut.
pub struct Shot<'c> {
    pub frames: usize,
    pub background: &'c Picture,
    /// Offset of the background in pixels, by the frame of the shot.
    pub pan: Box<dyn Fn(f32) -> (f32, f32) + 'c>,
    pub players: Vec<Player<'c>>,
    pub pillars: Vec<Pillar<'c>>,
    /// Factor and addend of all values, by the frame of the shot.
    pub light: Box<dyn Fn(usize) -> (f32, f32) + 'c>,
    /// Standard deviation of the noise, grey levels.
    pub noise: f32,
}

impl Shot<'_> {
    /// Draws frame `index` of the shot.
    pub fn draw(&self, index: usize, dice: &mut Dice) -> Frame {
        let time = index as f32;
        let mut canvas = backdrop(self.background, (self.pan)(time));
        let mut owner = vec![usize::MAX; WIDTH * HEIGHT];
        let mut actors = Vec::new();
        for (number, player) in self.players.iter().enumerate() {
            if let Some(pose) = (player.pose)(time) {
                let face = player.draw(time, &pose, number, &mut canvas, &mut owner);
                actors.push((number, Actor { id: player.id, face, visible: 0.0 }));
            }
        }
        for pillar in &self.pillars {
            pillar.draw((pillar.place)(time), &mut canvas, &mut owner);
        }
        let actors = actors
            .into_iter()
            .map(|(number, actor)| Actor { visible: visible(&actor.face, number, &owner), ..actor });
        let actors = actors.collect();
        let (gain, lift) = (self.light)(index);
        let rgb = canvas
            .pixels
            .iter()
            .map(|&v| (v * gain + lift + self.noise * gauss(dice)).clamp(0.0, 255.0) as u8);
        Frame { rgb: rgb.collect(), actors }
    }
}

/// About a normal distribution, from four uniform ones.
fn gauss(dice: &mut Dice) -> f32 {
    let word = dice.next();
    let sum: u64 = (0..4).map(|i| word >> (16 * i) & 0xffff).sum();
    (sum as f32 / 65536.0 - 2.0) * 1.732
}

/// The background, enlarged to a fifth more than the frame and moved.
fn backdrop(photo: &Picture, (dx, dy): (f32, f32)) -> Picture {
    let scale = (WIDTH as f32 * 1.2 / photo.width as f32).max(HEIGHT as f32 * 1.2 / photo.height as f32);
    let mut pixels = Vec::with_capacity(WIDTH * HEIGHT * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            pixels.extend(sample(photo, (x as f32 + dx) / scale, (y as f32 + dy) / scale));
        }
    }
    Picture { width: WIDTH, height: HEIGHT, pixels }
}

/// Bilinear; beyond its edges the photo is mirrored.
fn sample(photo: &Picture, x: f32, y: f32) -> [f32; 3] {
    let mirror = |v: f32, side: usize| {
        let period = 2.0 * (side - 1) as f32;
        let v = v.rem_euclid(period);
        v.min(period - v)
    };
    let (x, y) = (mirror(x, photo.width), mirror(y, photo.height));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(photo.width - 1), (top + 1).min(photo.height - 1));
    let (s, t) = (x - left as f32, y - top as f32);
    let at = |x: usize, y: usize, c: usize| photo.pixels[(y * photo.width + x) * 3 + c];
    std::array::from_fn(|c| {
        let above = at(left, top, c) + (at(right, top, c) - at(left, top, c)) * s;
        let below = at(left, bottom, c) + (at(right, bottom, c) - at(left, bottom, c)) * s;
        above + (below - above) * t
    })
}

/// How a sprite is laid into the frame: frame = m · (sprite - middle) + place.
struct Layout {
    m: [f64; 4],
    face: TruthFace,
}

impl Layout {
    fn new(sprite: &Sprite, pose: &Pose) -> Self {
        let scale = f64::from(pose.size) / sprite.face.side();
        let (sin, cos) = f64::from(pose.angle).sin_cos();
        let (across, down) = (scale * f64::from(pose.squeeze), scale);
        let m = [cos * across, -sin * down, sin * across, cos * down];
        let TruthFace { sxx, sxy, syy, .. } = sprite.face;
        let [a, b, c, d] = m;
        let face = TruthFace {
            cx: f64::from(pose.x),
            cy: f64::from(pose.y),
            sxx: a * a * sxx + 2.0 * a * b * sxy + b * b * syy,
            sxy: a * c * sxx + (a * d + b * c) * sxy + b * d * syy,
            syy: c * c * sxx + 2.0 * c * d * sxy + d * d * syy,
        };
        Self { m, face }
    }
}

impl Player<'_> {
    /// Gives where the annotated face is.
    fn draw(
        &self,
        time: f32,
        pose: &Pose,
        number: usize,
        canvas: &mut Picture,
        owner: &mut [usize],
    ) -> TruthFace {
        let middle = Layout::new(self.sprite, pose);
        let layers = self.layers(time);
        let reach = 1.45 * middle.face.side_long() / 2.0 + 2.0;
        let moved = layers
            .iter()
            .fold(0.0f64, |most, l| most.max((l.face.cx - middle.face.cx).hypot(l.face.cy - middle.face.cy)));
        let span = |centre: f64, side: usize| {
            let low = (centre - reach - moved).clamp(0.0, side as f64) as usize;
            low..(centre + reach + moved).clamp(0.0, side as f64) as usize
        };
        for y in span(middle.face.cy, HEIGHT) {
            for x in span(middle.face.cx, WIDTH) {
                let mut sum = [0.0f32; 4];
                for layer in &layers {
                    let seen = self.look(layer, x as f64, y as f64);
                    let opacity = seen[3] / 255.0 / layers.len() as f32;
                    for c in 0..3 {
                        sum[c] += seen[c] * opacity;
                    }
                    sum[3] += opacity;
                }
                let at = y * WIDTH + x;
                for c in 0..3 {
                    let pixel = &mut canvas.pixels[at * 3 + c];
                    *pixel = *pixel * (1.0 - sum[3]) + sum[c];
                }
                if sum[3] > 0.5 {
                    owner[at] = number;
                }
            }
        }
        middle.face
    }

    /// The sprite's places while the shutter is open.
    fn layers(&self, time: f32) -> Vec<Layout> {
        let steps = if self.shutter > 0.0 { 5 } else { 1 };
        let place = |i: usize| {
            let late = if steps > 1 { (i as f32 / (steps - 1) as f32 - 0.5) * self.shutter } else { 0.0 };
            (self.pose)(time + late).map(|pose| Layout::new(self.sprite, &pose))
        };
        (0..steps).filter_map(place).collect()
    }

    /// The sprite at a pixel of the frame.
    fn look(&self, layout: &Layout, x: f64, y: f64) -> [f32; 4] {
        let [a, b, c, d] = layout.m;
        let det = a * d - b * c;
        let (dx, dy) = (x - layout.face.cx, y - layout.face.cy);
        let (u, v) = ((d * dx - b * dy) / det, (a * dy - c * dx) / det);
        let (u, v) = (u + self.sprite.face.cx, v + self.sprite.face.cy);
        let level = (-det.abs().sqrt().log2()).max(0.0) as usize;
        let level = level.min(self.sprite.levels.len() - 1);
        let (width, height, pixels) = &self.sprite.levels[level];
        let scale = (1u32 << level) as f64;
        let (u, v) = ((u + 0.5) / scale - 0.5, (v + 0.5) / scale - 0.5);
        if u < 0.0 || v < 0.0 || u >= (width - 1) as f64 || v >= (height - 1) as f64 {
            return [0.0; 4];
        }
        let (left, top) = (u as usize, v as usize);
        let (s, t) = ((u - left as f64) as f32, (v - top as f64) as f32);
        let at = |x: usize, y: usize, c: usize| pixels[y * width + x][c];
        std::array::from_fn(|c| {
            let above = at(left, top, c) + (at(left + 1, top, c) - at(left, top, c)) * s;
            let below = at(left, top + 1, c) + (at(left + 1, top + 1, c) - at(left, top + 1, c)) * s;
            above + (below - above) * t
        })
    }
}

impl Pillar<'_> {
    fn draw(&self, [left, top, right, bottom]: [f32; 4], canvas: &mut Picture, owner: &mut [usize]) {
        let span = |low: f32, high: f32, side: usize| {
            low.clamp(0.0, side as f32) as usize..high.clamp(0.0, side as f32) as usize
        };
        for y in span(top, bottom, HEIGHT) {
            for x in span(left, right, WIDTH) {
                let seen = sample(self.texture, x as f32 - left, y as f32 - top);
                canvas.pixels[(y * WIDTH + x) * 3..][..3].copy_from_slice(&seen);
                owner[y * WIDTH + x] = usize::MAX;
            }
        }
    }
}

/// The share of a face's inner ellipse whose pixels are its own.
fn visible(face: &TruthFace, number: usize, owner: &[usize]) -> f64 {
    let [left, top, right, bottom] = face.corners();
    let (low_x, low_y) = (left.max(0.0) as usize, top.max(0.0) as usize);
    let inside = face.inside(INNER, (low_x as u32, low_y as u32));
    let mut own = 0;
    for y in low_y..(bottom.max(0.0) as usize + 1).min(HEIGHT) {
        for x in low_x..(right.max(0.0) as usize + 1).min(WIDTH) {
            let there = inside.holds((x - low_x) as u32, (y - low_y) as u32);
            own += usize::from(there && owner[y * WIDTH + x] == number);
        }
    }
    let area =
        std::f64::consts::PI * (face.sxx * face.syy - face.sxy * face.sxy).max(0.0).sqrt() * INNER * INNER;
    (own as f64 / area.max(1.0)).min(1.0)
}
