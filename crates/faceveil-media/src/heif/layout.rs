//! What a HEIC or AVIF shows, and which of its bytes are what.

use super::boxes::{Block, File};
use super::items::{Item, Items, Property};
use crate::{DecodeError, Format};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

/// Kinds of items that are pictures.
const PICTURES: [&[u8; 4]; 9] =
    [b"hvc1", b"av01", b"grid", b"iden", b"iovl", b"jpeg", b"avc1", b"vvc1", b"unci"];

/// How the picture that a file shows is stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    /// Width and height of what is shown, upright; `None` if that is a part of no whole number of pixels.
    pub size: Option<(u32, u32)>,
    /// 8 or 10.
    pub bit_depth: u8,
    /// Primaries and transfer, ITU-T H.273; 2 is unknown.
    pub colours: (u16, u16),
    /// Where the colour profile is.
    pub profile: Option<Range<usize>>,
    /// Pixels of all pictures and tiles that are mentioned.
    pub pixels: u64,
}

/// A file with its boxes.
pub(super) struct Layout<'a> {
    pub file: File<'a>,
    top: Vec<Block>,
    pub items: Items,
}

/// A piece of a file: name, where it is, where its content is.
pub(crate) type Piece = (Cow<'static, str>, Range<usize>, Range<usize>);

impl<'a> Layout<'a> {
    /// # Errors
    /// The boxes contradict each other or the file's length, or it is a sequence.
    pub fn read(bytes: &'a [u8], format: Format) -> Result<Self, DecodeError> {
        let file = File { bytes, format };
        let top = file.top()?;
        if top.iter().any(|b| matches!(&b.kind, b"moov" | b"moof")) {
            return Err(file.unsupported("a sequence of pictures"));
        }
        let mut metas = top.iter().filter(|b| b.kind == *b"meta");
        let meta = metas.next().ok_or_else(|| file.truncated("the list of pictures"))?;
        if metas.next().is_some() {
            return Err(file.damaged("two lists of pictures", meta.start));
        }
        let items = Items::read(file, meta)?;
        Ok(Self { file, top, items })
    }

    fn primary(&self) -> Result<&Item, DecodeError> {
        self.items.item(self.items.primary).ok_or_else(|| self.file.damaged("no main picture", 0))
    }

    /// The picture to be shown, everything that it is made of, and its opacity.
    fn parts_of_primary(&self) -> HashSet<u32> {
        let mut open = vec![self.items.primary];
        let mut parts = HashSet::new();
        while let Some(id) = open.pop() {
            if parts.insert(id) {
                open.extend(self.items.targets(b"dimg", id));
                open.extend(self.items.sources(b"auxl", id).filter(|&id| self.is_alpha(id)));
            }
        }
        parts
    }

    fn is_alpha(&self, id: u32) -> bool {
        let item = self.items.item(id);
        item.is_some_and(|item| {
            self.items.properties_of(item).any(|p| *p == Property::Auxiliary { alpha: true })
        })
    }

    /// # Errors
    /// There are several pictures to be shown, none, or one of a kind that is not read.
    pub fn shown(&self) -> Result<Shown, DecodeError> {
        let primary = self.primary()?;
        self.check_single(primary)?;
        let properties = || self.items.properties_of(primary);
        let size =
            properties().find_map(|p| if let Property::Size(w, h) = p { Some((*w, *h)) } else { None });
        let (width, height) = size
            .filter(|&(w, h)| w > 0 && h > 0)
            .ok_or_else(|| self.file.damaged("a picture without size", 0))?;
        let quarters: u32 =
            properties().map(|p| if let Property::Turn(n) = p { u32::from(*n) } else { 0 }).sum();
        // What is larger than the picture is no part of it.
        let crop = properties().find_map(|p| if let Property::Crop(size) = p { Some(*size) } else { None });
        let part = crop.unwrap_or(Some((width, height))).filter(|&(w, h)| w <= width && h <= height);
        let upright = part.map(|(w, h)| if quarters % 2 == 1 { (h, w) } else { (w, h) });
        let colours =
            properties().find_map(|p| if let Property::Colours(p, t) = p { Some((*p, *t)) } else { None });
        let profile =
            properties().find_map(|p| if let Property::Profile(r) = p { Some(r.clone()) } else { None });
        Ok(Shown {
            size: upright,
            bit_depth: self.bit_depth()?,
            colours: colours.unwrap_or((2, 2)),
            profile,
            pixels: self.sizes().map(|(w, h)| u64::from(w) * u64::from(h)).fold(0, u64::saturating_add),
        })
    }

    /// Every size that is mentioned.
    pub fn sizes(&self) -> impl Iterator<Item = (u32, u32)> {
        let size = |p: &Property| if let Property::Size(w, h) = p { Some((*w, *h)) } else { None };
        self.items.items.iter().flat_map(move |item| self.items.properties_of(item).filter_map(size))
    }

    fn check_single(&self, primary: &Item) -> Result<(), DecodeError> {
        let coded = match self.file.format {
            Format::Avif => b"av01",
            _ => b"hvc1",
        };
        let parts = self.parts_of_primary();
        let part = |id: &u32| self.items.item(*id).is_some_and(|i| i.kind == *coded);
        let composed = matches!(&primary.kind, b"grid" | b"iden" | b"iovl") && parts.iter().any(part);
        if primary.kind != *coded && !composed {
            return Err(self.file.unsupported("an unusual coding"));
        }
        if self.items.sources(b"prem", self.items.primary).next().is_some()
            || self.items.targets(b"prem", self.items.primary).next().is_some()
        {
            return Err(self.file.unsupported("colours multiplied by their opacity"));
        }
        let alone = |item: &&Item| {
            let is = |kind| self.items.targets(kind, item.id).next().is_some();
            let made_into_another = self.items.sources(b"dimg", item.id).next().is_some();
            let picture = PICTURES.iter().any(|kind| **kind == item.kind);
            picture && !item.hidden && !is(b"thmb") && !is(b"auxl") && !made_into_another
        };
        match self.items.items.iter().filter(alone).find(|item| !parts.contains(&item.id)) {
            Some(_) => Err(DecodeError::SeveralPictures { format: self.file.format }),
            None => Ok(()),
        }
    }

    fn bit_depth(&self) -> Result<u8, DecodeError> {
        let parts = self.parts_of_primary();
        let items = self.items.items.iter().filter(|item| parts.contains(&item.id));
        let depths = items.flat_map(|item| self.items.properties_of(item));
        let depth = depths.filter_map(|p| if let Property::Depth(n) = p { Some(*n) } else { None }).max();
        match depth {
            Some(8) => Ok(8),
            Some(9 | 10) => Ok(10),
            Some(_) => Err(self.file.unsupported("more than 10 bits a sample")),
            None => Err(self.file.unsupported("an unusual coding")),
        }
    }

    /// The bytes of the block of EXIF, behind the offset that it begins with (ISO/IEC 23008-12 annex A.2.1).
    pub fn exif(&self) -> Option<Vec<u8>> {
        let item = self.items.items.iter().find(|item| item.kind == *b"Exif")?;
        let bytes: Vec<u8> = item.extents.iter().flat_map(|r| &self.file.bytes[r.clone()]).copied().collect();
        let skip = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        bytes.get(skip.checked_add(4)?..).map(<[u8]>::to_vec)
    }

    /// All pieces in the order of the file, without gap up to the last. Items of the picture that is shown are
    /// called by their kind, others `thumbnail`, `auxiliary` or `hidden` something, what nothing refers to
    /// `unreferenced`.
    pub fn pieces(&self) -> Result<Vec<Piece>, DecodeError> {
        let parts = self.parts_of_primary();
        let mut data: Vec<(Range<usize>, Cow<'static, str>)> = Vec::new();
        for item in &self.items.items {
            let name = self.name(item, parts.contains(&item.id));
            data.extend(item.extents.iter().map(|range| (range.clone(), name.clone())));
        }
        data.sort_by_key(|(range, _)| (range.start, range.end));
        let mut pieces = Vec::new();
        self.walk(0, &self.top, &data, &mut pieces)?;
        Ok(pieces)
    }

    fn name(&self, item: &Item, shown: bool) -> Cow<'static, str> {
        let kind = item.kind.escape_ascii();
        if shown || !PICTURES.iter().any(|k| **k == item.kind) {
            kind.to_string().into()
        } else if self.items.targets(b"thmb", item.id).next().is_some() {
            "thumbnail".into()
        } else if self.items.targets(b"auxl", item.id).next().is_some() {
            "auxiliary".into()
        } else {
            format!("hidden {kind}").into()
        }
    }

    /// Boxes that hold others are known by where they are, too: elsewhere they are one piece each.
    fn walk(
        &self,
        depth: usize,
        blocks: &[Block],
        data: &[(Range<usize>, Cow<'static, str>)],
        pieces: &mut Vec<Piece>,
    ) -> Result<(), DecodeError> {
        for block in blocks {
            let name = Cow::Owned(block.kind.escape_ascii().to_string());
            let Range { start, end } = block.content.clone();
            let version = self.file.bytes.get(start).copied().unwrap_or(0);
            let head = match (depth, &block.kind) {
                (0, b"meta") | (1, b"iref") => Some(4),
                (1, b"iinf") => Some(if version == 0 { 6 } else { 8 }),
                (1, b"iprp" | b"dinf") | (2, b"ipco") => Some(0),
                _ => None,
            };
            match (depth, &block.kind, head) {
                (_, _, Some(head)) => {
                    let inner = (start + head).min(end);
                    pieces.push((name, block.start..inner, start..inner));
                    self.walk(depth + 1, &self.file.blocks(inner..end)?, data, pieces)?;
                }
                (0, b"mdat", None) | (1, b"idat", None) => {
                    pieces.push((name, block.start..start, start..start));
                    cut(start..end, data, pieces);
                }
                (_, b"mdat" | b"idat", None) => {
                    pieces.push(("unreferenced".into(), block.start..end, start..end));
                }
                _ => pieces.push((name, block.start..end, start..end)),
            }
        }
        Ok(())
    }
}

/// The pieces of a box of data, by what refers to them.
fn cut(room: Range<usize>, data: &[(Range<usize>, Cow<'static, str>)], pieces: &mut Vec<Piece>) {
    let mut at = room.start;
    let first = data.partition_point(|(range, _)| range.start < room.start);
    for (range, name) in data[first..].iter().take_while(|(range, _)| range.start < room.end) {
        let (start, end) = (range.start.max(at), range.end.min(room.end));
        if end <= start {
            continue;
        }
        if start > at {
            pieces.push(("unreferenced".into(), at..start, at..start));
        }
        pieces.push((name.clone(), start..end, start..end));
        at = end;
    }
    if at < room.end {
        pieces.push(("unreferenced".into(), at..room.end, at..room.end));
    }
}
