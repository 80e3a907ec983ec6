//! What happens in each clip.

use std::f32::consts::TAU;

use super::sprite::Cast;
use super::stage::{Pillar, Player, Pose, Shot};
use super::{Dice, Frame, HEIGHT, WIDTH};

const W: f32 = WIDTH as f32;
const H: f32 = HEIGHT as f32;

/// The clips, by what is hard about them.
pub const PLAYS: [&str; 11] =
    ["walk", "fast", "occlusion", "border", "turn", "shrink", "cuts", "flash", "single", "crowd", "dim"];

/// Draws the frames of a play one after the other. The same cast, play and seed give the same frames.
///
/// # Panics
/// If there is no such play.
pub fn frames<'c>(cast: &'c Cast, play: &str, seed: u64) -> impl Iterator<Item = Frame> + 'c {
    let number = PLAYS.iter().position(|p| *p == play).expect("the play is one of PLAYS");
    let mut dice = Dice::new(seed.wrapping_mul(0x1_0001).wrapping_add(number as u64));
    let mut author = Author { cast, dice: dice.clone(), ids: 0 };
    let shots = match play {
        "walk" => vec![author.walk()],
        "fast" => vec![author.fast()],
        "occlusion" => vec![author.occlusion()],
        "border" => vec![author.border()],
        "turn" => vec![author.turn()],
        "shrink" => vec![author.shrink()],
        "cuts" => author.cuts(),
        "flash" => vec![author.flash()],
        "single" => vec![author.single()],
        "crowd" => vec![author.crowd()],
        _ => vec![author.dim()],
    };
    shots.into_iter().flat_map(move |shot| {
        let mut dice = Dice::new(dice.next());
        (0..shot.frames).map(move |i| shot.draw(i, &mut dice)).collect::<Vec<_>>()
    })
}

struct Author<'c> {
    cast: &'c Cast,
    dice: Dice,
    ids: u64,
}

/// Upright, seen from the front.
fn upright(x: f32, y: f32, size: f32) -> Option<Pose> {
    Some(Pose { x, y, size, angle: 0.0, squeeze: 1.0 })
}

impl<'c> Author<'c> {
    fn player(&mut self, pose: impl Fn(f32) -> Option<Pose> + 'c) -> Player<'c> {
        self.ids += 1;
        let sprite = self.dice.pick(&self.cast.faces);
        Player { id: self.ids, sprite, pose: Box::new(pose), shutter: 0.0 }
    }

    fn shot(&mut self, frames: usize, players: Vec<Player<'c>>) -> Shot<'c> {
        let background = self.dice.pick(&self.cast.backgrounds);
        let (vx, vy) = (self.dice.between(-1.2, 1.2), self.dice.between(-0.5, 0.5));
        let (x, y) = (self.dice.between(0.0, W), self.dice.between(0.0, H));
        Shot {
            frames,
            background,
            pan: Box::new(move |t| (x + vx * t, y + vy * t)),
            players,
            pillars: Vec::new(),
            light: Box::new(|_| (1.0, 0.0)),
            noise: 1.5,
        }
    }

    /// Three people cross at their own pace, bobbing.
    fn walk(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..3 {
            let (y, size) = (H * (0.3 + 0.2 * i as f32), self.dice.between(36.0, 80.0));
            let (from, speed) = (self.dice.between(60.0, W - 60.0), self.dice.between(-3.0, 3.0));
            let beat = self.dice.between(10.0, 18.0);
            players.push(
                self.player(move |t| upright(from + speed * t, y + 5.0 * (TAU * t / beat).sin(), size)),
            );
        }
        self.shot(75, players)
    }

    /// Faces that fly through the picture with motion blur, up to a face's width a frame.
    fn fast(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..3 {
            let size = self.dice.between(44.0, 70.0);
            let (period, phase) = (self.dice.between(26.0, 44.0), self.dice.between(0.0, TAU));
            let y = H * (0.25 + 0.25 * i as f32);
            let mut player = self.player(move |t| {
                let turn = TAU * t / period + phase;
                upright(W / 2.0 + (W / 2.0 - 50.0) * turn.sin(), y + 20.0 * (2.0 * turn).cos(), size)
            });
            player.shutter = 0.4;
            players.push(player);
        }
        self.shot(75, players)
    }

    /// People walk behind pillars.
    fn occlusion(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..2 {
            let (size, speed) = (self.dice.between(40.0, 70.0), self.dice.between(4.0, 6.5));
            let y = H * (0.33 + 0.33 * i as f32);
            let way = if i == 0 { 1.0 } else { -1.0 };
            players
                .push(self.player(move |t| upright(W / 2.0 + way * (speed * t - W / 2.0 + 60.0), y, size)));
        }
        let mut shot = self.shot(80, players);
        for (left, width) in [(190.0, 45.0), (400.0, 80.0)] {
            let texture = self.dice.pick(&self.cast.backgrounds);
            shot.pillars.push(Pillar { texture, place: Box::new(move |_| [left, 0.0, left + width, H]) });
        }
        shot
    }

    /// Faces come in and go out over all four borders.
    fn border(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for side in 0..4 {
            let size = self.dice.between(44.0, 80.0);
            let (start, stay) = (6.0 + 12.0 * side as f32, self.dice.between(16.0, 24.0));
            let along = self.dice.between(0.25, 0.75);
            players.push(self.player(move |t| {
                let t = t - start;
                if !(0.0..stay).contains(&t) {
                    return None;
                }
                // Comes in by a face's length and a half, and goes the way it came.
                let deep = size * (3.0 * (t / stay * TAU / 2.0).sin() - 1.2);
                match side {
                    0 => upright(deep, H * along, size),
                    1 => upright(W - deep, H * along, size),
                    2 => upright(W * along, deep, size),
                    _ => upright(W * along, H - deep, size),
                }
            }));
        }
        self.shot(75, players)
    }

    /// Heads tilt to both sides and turn away.
    fn turn(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..3 {
            let (size, period) = (self.dice.between(56.0, 84.0), self.dice.between(36.0, 54.0));
            let x = W * (0.2 + 0.3 * i as f32) + self.dice.between(-20.0, 20.0);
            players.push(self.player(move |t| {
                let wave = (TAU * t / period + i as f32).sin();
                let angle = if i == 1 { 0.0 } else { 1.0 * wave };
                let squeeze = if i == 0 { 1.0 } else { 1.0 - 0.45 * wave * wave };
                Some(Pose { x: x + 1.0 * t, y: H / 2.0, size, angle, squeeze })
            }));
        }
        self.shot(75, players)
    }

    /// Faces go away until they are 12 pixels wide, and come back.
    fn shrink(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..2 {
            let largest = self.dice.between(80.0, 130.0);
            let x = W * (0.3 + 0.4 * i as f32);
            let sway = self.dice.between(20.0, 40.0);
            players.push(self.player(move |t| {
                let far = (TAU * t / 80.0 / 2.0).sin().powi(2);
                upright(x + sway * (TAU * t / 60.0).sin(), H / 2.0, largest * (12.0 / largest).powf(far))
            }));
        }
        self.shot(80, players)
    }

    /// Six shots of other people elsewhere.
    fn cuts(&mut self) -> Vec<Shot<'c>> {
        [14, 9, 16, 5, 20, 12]
            .map(|frames| {
                let mut players = Vec::new();
                for i in 0..2 {
                    let size = self.dice.between(40.0, 90.0);
                    let x = W * (0.15 + 0.45 * i as f32) + self.dice.between(0.0, W * 0.25);
                    let (y, speed) = (self.dice.between(0.3, 0.7) * H, self.dice.between(-4.0, 4.0));
                    players.push(self.player(move |t| upright(x + speed * t, y, size)));
                }
                self.shot(frames, players)
            })
            .into()
    }

    /// Photographers' flashes of one and two frames, and light that flickers.
    fn flash(&mut self) -> Shot<'c> {
        let mut shot = self.walk();
        shot.light = Box::new(|frame| match frame % 25 {
            9 => (0.7, 110.0),
            17 | 18 => (1.8, 70.0),
            21 => (0.35, 0.0),
            odd => (1.0 + 0.1 * (odd as f32).sin(), 0.0),
        });
        shot
    }

    /// Faces that are there for one to three frames, as if a door had opened.
    fn single(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..10 {
            let (size, start) = (self.dice.between(44.0, 84.0), 4.0 + 7.0 * i as f32);
            let length = 1.0 + (i % 3) as f32;
            let (x, y) = (self.dice.between(80.0, W - 80.0), self.dice.between(90.0, H - 90.0));
            players.push(self.player(move |t| {
                (t >= start && t < start + length)
                    .then_some(())
                    .and_then(|()| upright(x + 3.0 * (t - start), y, size))
            }));
        }
        self.shot(75, players)
    }

    /// Many small faces that pass each other.
    fn crowd(&mut self) -> Shot<'c> {
        let mut players = Vec::new();
        for i in 0..14 {
            let size = self.dice.between(18.0, 34.0);
            let (x, speed) = (self.dice.between(20.0, W - 20.0), self.dice.between(-2.0, 2.0));
            let y = H * (0.12 + 0.055 * i as f32);
            players.push(self.player(move |t| upright(x + speed * t, y, size)));
        }
        self.shot(60, players)
    }

    /// A walk at night with a noisy camera.
    fn dim(&mut self) -> Shot<'c> {
        let mut shot = self.walk();
        shot.light = Box::new(|_| (0.32, 6.0));
        shot.noise = 7.0;
        shot
    }
}
