//! The JSON of a sidecar, and the way from and to it.

use std::io::{self, Write};

use faceveil::{Face, Region};
use faceveil_core::geom::{Ellipse, Point, RectF};
use faceveil_core::redact::{MOST_MOSAIC_CELLS, RelativeSigma, Shape};
use faceveil_media::Format;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;

use super::{
    FaceRecord, MAX_BYTES, Model, Origin, Output, RegionRecord, Settings, Sidecar, SidecarError, Source,
    VERSION, VERSION_OF_PAGES,
};

/// The fields in the order in which they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "faceveil_sidecar")]
    _version: u64,
    faceveil: String,
    source: Source,
    result: ResultLine,
    /// Of a single picture.
    #[serde(default)]
    size: Option<[u32; 2]>,
    /// Of several pages or frames, in the place of the one size.
    #[serde(default)]
    pages: Option<Vec<[u32; 2]>>,
    models: Vec<Model>,
    settings: Settings,
    counts: Counts,
    faces: Vec<FaceLine>,
    regions: Vec<RegionLine>,
    #[serde(default)]
    previous: Option<String>,
}

/// Only enough to see whose file it is.
#[derive(Deserialize)]
struct Head {
    faceveil_sidecar: Option<serde_json::Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ResultLine {
    format: String,
    bytes: u64,
    sha256: String,
}

/// The faces `f1` to `f<faces>` and the regions `r1` to `r<regions>` must all be there.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    faces: usize,
    regions: usize,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FaceLine {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    #[serde(rename = "box")]
    rect: [f32; 4],
    score: f32,
    landmarks: Option<[[f32; 2]; 5]>,
    opinions: Vec<[f32; 4]>,
}

/// A region as it stands in the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegionLine {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<u32>,
    origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    face: Option<String>,
    hidden: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    feather: f32,
    shapes: Vec<ShapeLine>,
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "outline", rename_all = "lowercase", deny_unknown_fields)]
enum ShapeLine {
    Ellipse { centre: [f32; 2], half_axes: [f32; 2], angle: f64 },
    Box { corners: [f32; 4] },
}

pub(super) fn parse(bytes: &[u8]) -> Result<Sidecar, SidecarError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(SidecarError::TooLarge { bytes: bytes.len() as u64, limit: MAX_BYTES });
    }
    let json = |e: serde_json::Error| SidecarError::Json(e.to_string());
    // Another version may have other fields: say that it is another version, not that they are wrong.
    let head: Head = serde_json::from_slice(bytes).map_err(json)?;
    let version = head.faceveil_sidecar.ok_or(SidecarError::NoVersion)?;
    let several = version.as_u64() == Some(VERSION_OF_PAGES);
    if !several && version.as_u64() != Some(VERSION) {
        return Err(SidecarError::Version { got: version.to_string().chars().take(40).collect() });
    }
    let file: File = serde_json::from_slice(bytes).map_err(json)?;
    check_texts(&file)?;
    check_pages(&file, several)?;
    let Counts { faces, regions } = file.counts;
    all_there("f", faces, file.faces.iter().map(|f| &*f.id))?;
    all_there("r", regions, file.regions.iter().map(|r| &*r.id))?;
    let sidecar = Sidecar {
        program: file.faceveil,
        source: file.source,
        result: Output {
            format: format(&file.result.format)?,
            bytes: file.result.bytes,
            sha256: file.result.sha256,
        },
        pages: file.pages.or(file.size.map(|size| vec![size])).unwrap_or_default(),
        models: file.models,
        settings: file.settings,
        faces: file.faces.into_iter().map(FaceRecord::from).collect(),
        regions: file.regions.into_iter().map(RegionRecord::from).collect(),
        previous: file.previous,
    };
    sidecar.check()?;
    Ok(sidecar)
}

fn format(name: &str) -> Result<Format, SidecarError> {
    let must = "the name of a format that this program writes";
    let known = Format::ALL.into_iter().find(|f| f.name() == name);
    known.ok_or_else(|| SidecarError::text("the result's format", name, must))
}

/// A single picture has a size; several have a list of them, and all that is on them says on which.
fn check_pages(file: &File, several: bool) -> Result<(), SidecarError> {
    match (&file.size, &file.pages) {
        (Some(_), None) if !several => {}
        (None, Some(pages)) if several && pages.len() > 1 => {}
        _ if several => return Err(SidecarError::Json("\"pages\" must list two sizes or more".to_owned())),
        _ => return Err(SidecarError::Json("\"size\" must be there, and no \"pages\"".to_owned())),
    }
    let faces = file.faces.iter().map(|f| (&f.id, f.page));
    let odd =
        faces.chain(file.regions.iter().map(|r| (&r.id, r.page))).find(|(_, page)| page.is_some() != several);
    odd.map_or(Ok(()), |(id, _)| Err(SidecarError::Page { id: id.chars().take(80).collect(), several }))
}

fn check_texts(file: &File) -> Result<(), SidecarError> {
    let hashes = [("the source's sha256", &file.source.sha256), ("the result's sha256", &file.result.sha256)];
    let hashes = hashes.into_iter().chain(file.previous.iter().map(|h| ("previous", h)));
    let hashes = hashes.chain(file.models.iter().map(|m| ("a model's sha256", &m.sha256)));
    let overlay = file.settings.overlay_sha256.iter().map(|h| ("overlay_sha256", h));
    for (what, hash) in hashes.chain(overlay) {
        check_digest(what, hash)?;
    }
    let path = file.source.path.iter().map(|p| ("the source's path", p, 32_768));
    let names = file.models.iter().map(|m| ("a model's name", &m.name, 1_000));
    let texts = path.chain(names).chain([("faceveil", &file.faceveil, 100)]);
    for (what, text, limit) in texts {
        if text.is_empty() || text.len() > limit || text.contains('\0') {
            return Err(SidecarError::text(what, text, "neither empty nor too long, without zero bytes"));
        }
    }
    super::at_most("models", file.models.len(), 100)
}

/// Whether a text is a SHA-256.
///
/// # Errors
/// [`SidecarError::Text`] if not.
pub(crate) fn check_digest(what: &'static str, hash: &str) -> Result<(), SidecarError> {
    let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let fits = hash.len() == 64 && hash.bytes().all(digit);
    fits.then_some(()).ok_or_else(|| SidecarError::text(what, hash, "64 lower-case hexadecimal digits"))
}

/// The numbers in the recorded settings are in the ranges of their flags.
pub(crate) fn check_settings(settings: &Settings) -> Result<(), SidecarError> {
    super::check::ranged("the margin", settings.margin, 1.0, 4.0, "1 to 4")?;
    super::check::ranged("the feather", settings.feather, 0.0, 1.0, "0 to 1")?;
    if let Some(cells) = settings.cells.filter(|c| !(1..=MOST_MOSAIC_CELLS).contains(c)) {
        return Err(SidecarError::number("cells", f64::from(cells), "1 to 8"));
    }
    match settings.sigma {
        Some(sigma) if RelativeSigma::new(sigma).is_err() => {
            Err(SidecarError::number("sigma", f64::from(sigma), "0.125 to 1"))
        }
        _ => Ok(()),
    }
}

/// # Errors
/// [`SidecarError::Missing`] names the first of `<letter>1` to `<letter><count>` that is not among the ids.
fn all_there<'a>(
    letter: &str,
    count: usize,
    ids: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), SidecarError> {
    let known = numbers(letter, ids);
    match known.iter().position(|there| !there).unwrap_or(known.len()) {
        whole if whole < count => Err(SidecarError::Missing { id: format!("{letter}{}", whole + 1) }),
        _ => Ok(()),
    }
}

/// How many of `<letter>1`, `<letter>2`, … are there without a gap.
fn count<'a>(letter: &str, ids: impl ExactSizeIterator<Item = &'a str>) -> usize {
    let known = numbers(letter, ids);
    known.iter().position(|there| !there).unwrap_or(known.len())
}

/// Which of `<letter>1` to `<letter>n` are among the `n` ids.
fn numbers<'a>(letter: &str, ids: impl ExactSizeIterator<Item = &'a str>) -> Vec<bool> {
    let mut known = vec![false; ids.len()];
    for number in ids.filter_map(|id| id.strip_prefix(letter)?.parse::<usize>().ok()) {
        if let Some(there) = number.checked_sub(1).and_then(|at| known.get_mut(at)) {
            *there = true;
        }
    }
    known
}

pub(super) fn write(sidecar: &Sidecar) -> Result<Vec<u8>, SidecarError> {
    let several = sidecar.pages.len() > 1;
    let page = |page: u32| several.then_some(page);
    let faces: Vec<FaceLine> =
        sidecar.faces.iter().map(|f| FaceLine { page: page(f.page), ..FaceLine::from(f) }).collect();
    let regions: Vec<RegionLine> =
        sidecar.regions.iter().map(|r| RegionLine { page: page(r.page), ..RegionLine::from(r) }).collect();
    let counts = Counts {
        faces: count("f", faces.iter().map(|f| &*f.id)),
        regions: count("r", regions.iter().map(|r| &*r.id)),
    };
    let Output { format, bytes, sha256 } = sidecar.result.clone();
    let mut fields = vec![
        ("faceveil_sidecar", line(if several { &VERSION_OF_PAGES } else { &VERSION })?),
        ("faceveil", line(&sidecar.program)?),
        ("source", line(&sidecar.source)?),
        ("result", line(&ResultLine { format: format.name().to_owned(), bytes, sha256 })?),
        if several { ("pages", line(&sidecar.pages)?) } else { ("size", line(&sidecar.pages[0])?) },
        ("models", line(&sidecar.models)?),
        ("settings", line(&sidecar.settings)?),
        ("counts", line(&counts)?),
        ("faces", lines(&faces)?),
        ("regions", lines(&regions)?),
    ];
    if let Some(previous) = &sidecar.previous {
        fields.push(("previous", line(previous)?));
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("  \"{name}\": {value}")).collect();
    Ok(format!("{{\n{}\n}}\n", fields.join(",\n")).into_bytes())
}

fn lines<T: Serialize>(items: &[T]) -> Result<String, SidecarError> {
    if items.is_empty() {
        return Ok("[]".to_owned());
    }
    let items: Vec<String> = items.iter().map(line).collect::<Result<_, _>>()?;
    Ok(format!("[\n    {}\n  ]", items.join(",\n    ")))
}

fn line<T: Serialize>(value: &T) -> Result<String, SidecarError> {
    let json = |e: String| SidecarError::Json(e);
    let mut bytes = Vec::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Spaced))
        .map_err(|e| json(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| json(e.to_string()))
}

/// One line, with spaces after commas and colons: for people who edit it.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

fn rect([left, top, right, bottom]: [f32; 4]) -> RectF {
    RectF { left, top, right, bottom }
}

fn corners(r: &RectF) -> [f32; 4] {
    [r.left, r.top, r.right, r.bottom]
}

impl From<FaceLine> for FaceRecord {
    fn from(line: FaceLine) -> Self {
        let face = Face {
            rect: rect(line.rect),
            score: line.score,
            landmarks: line.landmarks.map(|points| points.map(|[x, y]| Point { x, y })),
            also: line.opinions.into_iter().map(rect).collect(),
        };
        Self { id: line.id, page: line.page.unwrap_or(1), face }
    }
}

impl From<&FaceRecord> for FaceLine {
    fn from(record: &FaceRecord) -> Self {
        let face = &record.face;
        Self {
            id: record.id.clone(),
            page: Some(record.page),
            rect: corners(&face.rect),
            score: face.score,
            landmarks: face.landmarks.map(|points| points.map(|p| [p.x, p.y])),
            opinions: face.also.iter().map(corners).collect(),
        }
    }
}

impl From<RegionLine> for RegionRecord {
    fn from(line: RegionLine) -> Self {
        let shapes = line.shapes.into_iter().map(Shape::from).collect();
        let region = Region::around(shapes, line.feather);
        let RegionLine { id, page, origin, face, hidden, note, .. } = line;
        Self { id, page: page.unwrap_or(1), origin, face, hidden, note, region }
    }
}

impl From<&RegionRecord> for RegionLine {
    fn from(record: &RegionRecord) -> Self {
        let RegionRecord { id, page, origin, face, hidden, note, region } = record.clone();
        let shapes = region.shapes.iter().map(ShapeLine::from).collect();
        Self { id, page: Some(page), origin, face, hidden, note, feather: region.feather, shapes }
    }
}

impl From<ShapeLine> for Shape {
    fn from(line: ShapeLine) -> Self {
        match line {
            ShapeLine::Box { corners } => Self::Box(rect(corners)),
            ShapeLine::Ellipse { centre: [x, y], half_axes: [radius_x, radius_y], angle } => {
                let angle = angle.to_radians() as f32;
                Self::Ellipse(Ellipse { centre: Point { x, y }, radius_x, radius_y, angle })
            }
        }
    }
}

impl From<&Shape> for ShapeLine {
    fn from(shape: &Shape) -> Self {
        match shape {
            Shape::Box(rect) => Self::Box { corners: corners(rect) },
            Shape::Ellipse(e) => Self::Ellipse {
                centre: [e.centre.x, e.centre.y],
                half_axes: [e.radius_x, e.radius_y],
                // In 64 bits, so that the way there and back gives the same 32.
                angle: f64::from(e.angle).to_degrees(),
            },
        }
    }
}
