//! The sidecar of a video: its tracks as key frames, and what of them is hidden. `docs/sidecar.md` is the
//! specification. Fails closed as that of a photo does: a track that is gone makes the file invalid; to show a face is a
//! decision that stays in the file.

use std::collections::HashSet;
use std::path::Path;

use faceveil::Face;
use faceveil::core::geom::{Point, RectF};
use faceveil_media::{Limits, files};
use serde::{Deserialize, Serialize};

use super::keys::{Key, Span};
use crate::sidecar::{MAX_NOTE, MAX_SHAPES, Model, Settings, SidecarError, Source, check_digest, check_id};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u64 = 1;
/// Bytes of a video's sidecar at most.
pub const MAX_BYTES: u64 = 256 << 20;
/// Key frames of all tracks at most.
pub const MAX_KEYS: usize = 2_000_000;
/// Characters of a thumbnail at most, as base64.
const MAX_THUMBNAIL: usize = 64 << 10;
/// No frame has a higher number.
const MAX_FRAMES: u64 = 1 << 32;

/// What is recorded of the output of a video.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VideoRecord {
    /// Version of the format.
    faceveil_video_sidecar: u64,
    /// Version of the program that wrote it.
    #[serde(rename = "faceveil")]
    pub program: String,
    /// The original.
    pub source: Source,
    /// The output.
    pub result: VideoResult,
    /// Width and height of the upright frames in pixels.
    pub size: [u32; 2],
    /// Frames of the output.
    pub frames: u64,
    /// The models that looked for faces.
    pub models: Vec<Model>,
    /// How faces are hidden.
    pub settings: Settings,
    /// How the output is cut and encoded.
    pub encoding: Encoding,
    /// Zones, in pixels.
    #[serde(default)]
    pub zones: ZoneRecords,
    /// First frames of scenes.
    #[serde(default)]
    pub cuts: Vec<u64>,
    /// The tracks `t1` to `t<tracks>` must be there.
    pub counts: Counts,
    /// The tracks, by their first frames.
    pub tracks: Vec<TrackRecord>,
    /// SHA-256 of the sidecar that this one was rendered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
}

/// The output.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VideoResult {
    /// Its container.
    pub format: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// How the output is cut and encoded, as it was typed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Whether the sound is left out.
    pub mute: bool,
    /// Seconds from the start at which the output begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Seconds from the start at which the output ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<f64>,
}

/// Zones as left, top, right, bottom in pixels.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneRecords {
    /// Always hidden.
    pub hide: Vec<[f32; 4]>,
    /// Faces wholly inside are left visible.
    pub keep: Vec<[f32; 4]>,
}

/// How many tracks the program has recorded.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Tracks.
    pub tracks: usize,
}

/// A face in the frames in which it is there.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TrackRecord {
    /// Names it for good within the sidecar.
    pub id: String,
    /// Whether it is hidden.
    pub hidden: bool,
    /// Why, or whatever else is to be kept in mind; at most [`MAX_NOTE`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Its best score.
    pub score: f32,
    /// The frame in which it is seen best.
    pub best: u64,
    /// That frame's time in seconds from the file's start.
    pub best_time: f64,
    /// A JPEG of the face there, as base64. It shows the face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnail: Option<String>,
    /// Key frames of each stretch in which it is there.
    pub spans: Vec<Vec<KeyLine>>,
}

/// A key frame.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// Number of the frame in the output, counted from 0.
    pub frame: u64,
    /// Left, top, right, bottom in pixels.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// Other boxes of it, as `box`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<[f32; 4]>,
    /// Eyes, nose, mouth corners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landmarks: Option<[[f32; 2]; 5]>,
}

#[derive(Deserialize)]
struct Head {
    faceveil_video_sidecar: Option<serde_json::Value>,
}

/// Whether a sidecar, which may hold anything, says that it is of a video.
pub fn is_of_video(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Head>(bytes).is_ok_and(|head| head.faceveil_video_sidecar.is_some())
}

/// Whether the sidecar in a file says so.
pub fn is_video_sidecar(path: &Path) -> bool {
    read_bytes(path).is_ok_and(|bytes| is_of_video(&bytes))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, SidecarError> {
    let limits = Limits { max_file_bytes: MAX_BYTES, ..Limits::default() };
    Ok(files::read_photo(path, &limits)?)
}

impl VideoRecord {
    /// Of this version.
    pub fn new(
        source: Source,
        result: VideoResult,
        size: [u32; 2],
        frames: u64,
        models: Vec<Model>,
        settings: Settings,
        encoding: Encoding,
    ) -> Self {
        Self {
            faceveil_video_sidecar: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            source,
            result,
            size,
            frames,
            models,
            settings,
            encoding,
            zones: ZoneRecords::default(),
            cuts: Vec::new(),
            counts: Counts::default(),
            tracks: Vec::new(),
            previous: None,
        }
    }

    /// Reads a sidecar that may hold anything.
    ///
    /// # Errors
    /// [`SidecarError`] says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, SidecarError> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SidecarError::TooLarge { bytes: bytes.len() as u64, limit: MAX_BYTES });
        }
        let json = |e: serde_json::Error| SidecarError::Json(e.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(json)?;
        let version = head.faceveil_video_sidecar.ok_or(SidecarError::NoVersion)?;
        if version.as_u64() != Some(VERSION) {
            return Err(SidecarError::Version { got: version.to_string().chars().take(40).collect() });
        }
        let record: Self = serde_json::from_slice(bytes).map_err(json)?;
        record.check()?;
        Ok(record)
    }

    /// Reads the sidecar in a file; gives its bytes as well, for their hash.
    ///
    /// # Errors
    /// As [`Self::parse`], or the file cannot be read.
    pub fn read(path: &Path) -> Result<(Self, Vec<u8>), SidecarError> {
        let bytes = read_bytes(path)?;
        Ok((Self::parse(&bytes)?, bytes))
    }

    /// The file: UTF-8 JSON, a track a line.
    ///
    /// # Errors
    /// As [`Self::parse`]: what could not be read again is not written.
    pub fn to_json(&self) -> Result<Vec<u8>, SidecarError> {
        self.check()?;
        let json = |e: serde_json::Error| SidecarError::Json(e.to_string());
        let mut head =
            serde_json::to_value(Self { tracks: Vec::new(), ..self.clone_head() }).map_err(json)?;
        let fields = head.as_object_mut().map(std::mem::take).unwrap_or_default();
        let mut lines = Vec::new();
        for (name, value) in fields.iter().filter(|(name, _)| *name != "tracks") {
            lines.push(format!("  {}: {}", serde_json::json!(name), value));
        }
        let tracks: Vec<String> =
            self.tracks.iter().map(serde_json::to_string).collect::<Result<_, _>>().map_err(json)?;
        let tracks = if tracks.is_empty() {
            "[]".to_owned()
        } else {
            format!("[\n    {}\n  ]", tracks.join(",\n    "))
        };
        lines.push(format!("  \"tracks\": {tracks}"));
        let bytes = format!("{{\n{}\n}}\n", lines.join(",\n")).into_bytes();
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SidecarError::TooLarge { bytes: bytes.len() as u64, limit: MAX_BYTES });
        }
        Ok(bytes)
    }

    /// All but the tracks.
    fn clone_head(&self) -> Self {
        Self {
            faceveil_video_sidecar: self.faceveil_video_sidecar,
            program: self.program.clone(),
            source: self.source.clone(),
            result: self.result.clone(),
            size: self.size,
            frames: self.frames,
            models: self.models.clone(),
            settings: self.settings.clone(),
            encoding: self.encoding.clone(),
            zones: self.zones.clone(),
            cuts: self.cuts.clone(),
            counts: self.counts,
            tracks: Vec::new(),
            previous: self.previous.clone(),
        }
    }

    /// Whether it keeps the format's promises.
    ///
    /// # Errors
    /// [`SidecarError`] names the first place that does not.
    pub fn check(&self) -> Result<(), SidecarError> {
        if self.size.contains(&0) || self.frames > MAX_FRAMES {
            return Err(SidecarError::number("size", 0.0, "at least 1"));
        }
        crate::sidecar::check_settings(&self.settings)?;
        check_digest("the source's sha256", &self.source.sha256)?;
        check_digest("the result's sha256", &self.result.sha256)?;
        for moment in [self.encoding.start, self.encoding.end].into_iter().flatten() {
            ranged("a moment", moment, 0.0, 1e7, "0 to 10000000")?;
        }
        let (hide, keep) = (&self.zones.hide, &self.zones.keep);
        crate::sidecar::at_most("zones", hide.len() + keep.len(), MAX_SHAPES)?;
        hide.iter().chain(keep).try_for_each(|zone| check_rect("a zone", zone))?;
        let keys: usize = self.tracks.iter().flat_map(|t| &t.spans).map(Vec::len).sum();
        crate::sidecar::at_most("key frames", keys, MAX_KEYS)?;
        let mut ids = HashSet::new();
        for track in &self.tracks {
            check_id(&track.id, &mut ids)?;
            track.check()?;
        }
        let missing = (1..=self.counts.tracks).map(|n| format!("t{n}")).find(|id| !ids.contains(&**id));
        missing.map_or(Ok(()), |id| Err(SidecarError::Missing { id }))
    }
}

impl TrackRecord {
    fn check(&self) -> Result<(), SidecarError> {
        let id = &self.id;
        ranged(&format!("the score of {id}"), f64::from(self.score), 0.0, 1.0, "0 to 1")?;
        ranged(&format!("the time of {id}"), self.best_time, -1e9, 1e9, "-1e9 to 1e9")?;
        let note = self.note.as_ref().map_or(0, |n| n.chars().count());
        crate::sidecar::at_most("characters of a note", note, MAX_NOTE)?;
        let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
        if let Some(text) = &self.thumbnail
            && (text.len() > MAX_THUMBNAIL || !text.bytes().all(base64))
        {
            return Err(SidecarError::text("a thumbnail", text, "base64 of at most 65536 characters"));
        }
        let mut after = None;
        if self.spans.is_empty() {
            return Err(SidecarError::Empty { region: id.clone() });
        }
        for span in &self.spans {
            if span.is_empty() {
                return Err(SidecarError::Empty { region: id.clone() });
            }
            for key in span {
                if after.is_some_and(|last| key.frame <= last) || key.frame > MAX_FRAMES {
                    return Err(SidecarError::number(
                        format!("a frame of {id}"),
                        key.frame as f64,
                        "later than the one before it",
                    ));
                }
                after = Some(key.frame);
                key.check(id)?;
            }
        }
        Ok(())
    }

    /// Its key frames, to be asked for faces.
    pub fn keys(&self) -> Vec<Span> {
        let key = |line: &KeyLine| Key { frame: line.frame, face: line.face(self.score) };
        self.spans.iter().map(|span| span.iter().map(key).collect()).collect()
    }

    /// First and last frame.
    pub fn reach(&self) -> (u64, u64) {
        let frames = || self.spans.iter().flatten().map(|key| key.frame);
        (frames().min().unwrap_or(0), frames().max().unwrap_or(0))
    }
}

impl KeyLine {
    fn check(&self, id: &str) -> Result<(), SidecarError> {
        crate::sidecar::at_most("opinions on a face", self.also.len(), MAX_SHAPES)?;
        std::iter::once(&self.rect).chain(&self.also).try_for_each(|rect| check_rect(id, rect))?;
        let points = self.landmarks.iter().flatten().flatten();
        points.copied().try_for_each(|v| coordinate(id, v))
    }

    fn face(&self, score: f32) -> Face {
        Face {
            rect: rect(self.rect),
            score,
            landmarks: self.landmarks.map(|points| points.map(|[x, y]| Point { x, y })),
            also: self.also.iter().copied().map(rect).collect(),
        }
    }
}

impl From<&Key> for KeyLine {
    fn from(key: &Key) -> Self {
        let edges = |r: &RectF| [r.left, r.top, r.right, r.bottom];
        let face = &key.face;
        Self {
            frame: key.frame,
            rect: edges(&face.rect),
            also: face.also.iter().map(edges).collect(),
            landmarks: face.landmarks.map(|points| points.map(|p| [p.x, p.y])),
        }
    }
}

/// A rectangle from its edges.
pub fn rect([left, top, right, bottom]: [f32; 4]) -> RectF {
    RectF { left, top, right, bottom }
}

fn check_rect(id: &str, edges: &[f32; 4]) -> Result<(), SidecarError> {
    edges.iter().try_for_each(|&v| coordinate(id, v))?;
    let least = f64::from((edges[2] - edges[0]).min(edges[3] - edges[1]));
    ranged(
        &format!("a width or height of {id}"),
        least,
        f64::from(f32::MIN_POSITIVE),
        f64::MAX,
        "more than 0",
    )
}

fn coordinate(id: &str, value: f32) -> Result<(), SidecarError> {
    ranged(&format!("a coordinate of {id}"), f64::from(value), -1e6, 1e6, "-1000000 to 1000000")
}

fn ranged(what: &str, value: f64, low: f64, high: f64, range: &'static str) -> Result<(), SidecarError> {
    let inside = (low..=high).contains(&value);
    inside.then_some(()).ok_or_else(|| SidecarError::number(what, value, range))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> VideoRecord {
        let digest = |c: char| c.to_string().repeat(64);
        let source = Source { path: Some("in/a.mp4".into()), bytes: 9, sha256: digest('a') };
        let result = VideoResult { format: "MP4".into(), bytes: 8, sha256: digest('b') };
        let settings = serde_json::from_str(
            r#"{"level":"balanced","style":"veil","shape":"ellipse","margin":1.3,"feather":0.03,"keep_metadata":"none"}"#,
        );
        let mut record = VideoRecord::new(
            source,
            result,
            [320, 240],
            50,
            Vec::new(),
            settings.unwrap(),
            Encoding { mute: true, start: Some(1.5), end: None },
        );
        let key = |frame, left: f32| KeyLine {
            frame,
            rect: [left, 1.0, left + 20.0, 30.0],
            also: vec![[left, 2.0, left + 21.0, 30.25]],
            landmarks: Some([[1.0, 2.0]; 5]),
        };
        record.counts.tracks = 1;
        record.cuts = vec![7];
        record.zones.hide = vec![[0.0, 0.0, 5.0, 5.0]];
        record.tracks = vec![TrackRecord {
            id: "t1".into(),
            hidden: false,
            note: Some("my own".into()),
            score: 0.75,
            best: 4,
            best_time: 0.16,
            thumbnail: Some("AAAA".into()),
            spans: vec![vec![key(2, 1.0), key(9, 4.5)], vec![key(20, -8.25)]],
        }];
        record
    }

    #[test]
    fn what_is_written_is_read_and_no_part_of_it_is() {
        let record = sample();
        let json = record.to_json().unwrap();
        assert_eq!(VideoRecord::parse(&json).unwrap(), record);
        assert!(is_of_video(&json));
        for n in 0..json.len() - 2 {
            assert!(VideoRecord::parse(&json[..n]).is_err(), "{n} bytes");
        }
    }

    #[test]
    fn broken_promises_are_named() {
        type Break = fn(&mut VideoRecord);
        let cases: [(Break, &str); 8] = [
            (|r| r.tracks.clear(), "t1 is missing"),
            (|r| r.counts.tracks = 2, "t2 is missing"),
            (|r| r.tracks[0].spans.clear(), "t1 has no shapes"),
            (|r| r.tracks[0].spans[1][0].frame = 9, "a frame of t1 is 9"),
            (|r| r.tracks[0].spans[0][0].rect[2] = 1.0, "a width or height of t1"),
            (|r| r.tracks[0].spans[0][0].rect[0] = f32::NAN, "a coordinate of t1"),
            (|r| r.tracks[0].thumbnail = Some("\"<".into()), "a thumbnail is"),
            (|r| r.source.sha256 = "ab".into(), "the source's sha256"),
        ];
        for (change, words) in cases {
            let mut record = sample();
            change(&mut record);
            let refusal = record.to_json().unwrap_err().to_string();
            assert!(refusal.starts_with(words), "{refusal}");
        }
    }
}
