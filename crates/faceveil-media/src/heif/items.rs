//! The items of a HEIC or AVIF (ISO/IEC 14496-12 section 8.11, ISO/IEC 23008-12 section 6): which pictures
//! there are, where their bytes lie, and how they are to be shown.

use super::boxes::{Block, Fields, File};
use crate::DecodeError;
use std::ops::Range;

/// More items, links or pieces of items than any sane file has: bounds on memory and time.
const MAX_ITEMS: usize = 1 << 13;
const MAX_LINKS: usize = 1 << 16;
const MAX_EXTENTS: usize = 1 << 16;
/// What an association can point to.
const MAX_PROPERTIES: usize = 1 << 15;

/// Something with an identity: a picture, a tile of one, a block of metadata.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub id: u32,
    pub kind: [u8; 4],
    /// Not meant to be shown by itself.
    pub hidden: bool,
    /// Where its bytes are, from the file's start.
    pub extents: Vec<Range<usize>>,
    /// Places in [`Items::properties`].
    pub properties: Vec<usize>,
}

/// That an item has to do with others.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub kind: [u8; 4],
    pub from: u32,
    pub to: Vec<u32>,
}

/// What is said of a picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Property {
    /// `ispe`: width and height before turning.
    Size(u32, u32),
    /// `irot`: quarters of a turn, counter-clockwise.
    Turn(u8),
    /// `hvcC` or `av1C`: bits a sample.
    Depth(u8),
    /// `colr` by numbers of ITU-T H.273: primaries and transfer.
    Colours(u16, u16),
    /// `colr` by a profile.
    Profile(Range<usize>),
    /// `auxC`: whether it is opacity.
    Auxiliary { alpha: bool },
    /// `clap`: only a part is shown, of so many pixels; `None` if those are no whole numbers.
    Crop(Option<(u32, u32)>),
    /// Anything else.
    Other,
}

/// All items of a file.
pub(super) struct Items {
    pub items: Vec<Item>,
    pub links: Vec<Link>,
    pub properties: Vec<Property>,
    /// Identity of the picture that is to be shown.
    pub primary: u32,
}

impl Items {
    /// Reads the `meta` box.
    pub fn read(file: File<'_>, meta: &Block) -> Result<Self, DecodeError> {
        let mut fields = file.fields(meta.content.clone());
        fields.version()?;
        let blocks = file.blocks(fields.rest())?;
        let one = |kind: &[u8; 4]| {
            let mut found = blocks.iter().filter(|b| b.kind == *kind);
            let first = found.next();
            if found.next().is_some() { Err(file.damaged("a box twice", meta.start)) } else { Ok(first) }
        };
        let need = |block: Option<&Block>, what| {
            block.map(|b| file.fields(b.content.clone())).ok_or_else(|| file.damaged(what, meta.start))
        };
        let mut primary = need(one(b"pitm")?, "no main picture")?;
        let (version, _) = primary.version()?;
        let mut all = Self {
            items: infos(need(one(b"iinf")?, "no items")?)?,
            links: one(b"iref")?.map_or(Ok(Vec::new()), |b| links(file.fields(b.content.clone())))?,
            properties: Vec::new(),
            primary: primary.number(if version == 0 { 2 } else { 4 })? as u32,
        };
        if let Some(block) = one(b"iprp")? {
            all.read_properties(file, block)?;
        }
        let own = one(b"idat")?.map(|b| b.content.clone());
        all.locate(need(one(b"iloc")?, "no places of items")?, own)?;
        Ok(all)
    }

    pub fn item(&self, id: u32) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The properties of an item, in their order.
    pub fn properties_of<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = &'a Property> {
        item.properties.iter().filter_map(|&n| self.properties.get(n))
    }

    /// What `id` points to by a link of this kind.
    pub fn targets(&self, kind: &[u8; 4], id: u32) -> impl Iterator<Item = u32> {
        self.links.iter().filter(move |l| l.kind == *kind && l.from == id).flat_map(|l| l.to.iter().copied())
    }

    /// What points to `id` by a link of this kind.
    pub fn sources(&self, kind: &[u8; 4], id: u32) -> impl Iterator<Item = u32> {
        self.links.iter().filter(move |l| l.kind == *kind && l.to.contains(&id)).map(|l| l.from)
    }

    fn read_properties(&mut self, file: File<'_>, iprp: &Block) -> Result<(), DecodeError> {
        for block in file.blocks(iprp.content.clone())? {
            match &block.kind {
                b"ipco" => {
                    for block in file.blocks(block.content)? {
                        bounded(file, self.properties.len(), MAX_PROPERTIES)?;
                        self.properties.push(property(file, &block)?);
                    }
                }
                b"ipma" => self.associate(file.fields(block.content))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// `ipma`, ISO/IEC 23008-12 section 9.3.
    fn associate(&mut self, mut fields: Fields<'_>) -> Result<(), DecodeError> {
        let (version, flags) = fields.version()?;
        let count = fields.long()?;
        bounded(fields.file, count as usize, MAX_ITEMS)?;
        for _ in 0..count {
            let id = fields.number(if version == 0 { 2 } else { 4 })? as u32;
            let mut own = Vec::new();
            for _ in 0..fields.number(1)? {
                let long = flags & 1 == 1;
                let index = fields.number(if long { 2 } else { 1 })? & if long { 0x7FFF } else { 0x7F };
                own.extend(usize::try_from(index).ok().and_then(|n| n.checked_sub(1)));
            }
            if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
                item.properties.extend(own);
            }
        }
        Ok(())
    }

    /// `iloc`, ISO/IEC 14496-12 section 8.11.3. `own` is what the `idat` box holds.
    fn locate(&mut self, mut fields: Fields<'_>, own: Option<Range<usize>>) -> Result<(), DecodeError> {
        let file = fields.file;
        let (version, _) = fields.version()?;
        let sizes = fields.number(2)? as usize;
        let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| sizes >> shift & 15);
        let index = if version == 0 { 0 } else { index };
        if [offset, length, base, index].iter().any(|n| !matches!(n, 0 | 4 | 8)) || version > 2 {
            return Err(file.damaged("places of an unknown kind", fields.at));
        }
        let mut total = 0;
        let count = fields.number(if version == 2 { 4 } else { 2 })? as usize;
        bounded(file, count, MAX_ITEMS)?;
        for _ in 0..count {
            let id = fields.number(if version == 2 { 4 } else { 2 })? as u32;
            let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
            fields.number(2)?; // which file: another than this is not followed
            let base = fields.number(base)?;
            let count = fields.number(2)? as usize;
            total += count;
            bounded(file, total, MAX_EXTENTS)?;
            let room = match (method, &own) {
                (0, _) => 0..file.bytes.len(),
                (1, Some(own)) => own.clone(),
                _ => return Err(file.damaged("an item in another item or nowhere", fields.at)),
            };
            let mut extents = Vec::new();
            for _ in 0..count {
                fields.number(index)?;
                let start = base.saturating_add(fields.number(offset)?);
                let range = within(&room, start, fields.number(length)?);
                extents.push(range.ok_or_else(|| file.truncated("an item"))?);
            }
            if let Some(item) = self.items.iter_mut().find(|item| item.id == id) {
                item.extents.extend(extents);
            }
        }
        Ok(())
    }
}

fn bounded(file: File<'_>, count: usize, most: usize) -> Result<(), DecodeError> {
    if count > most { Err(file.damaged("more items than any picture needs", 0)) } else { Ok(()) }
}

/// `None` if it is empty (there, that would mean all of the file) or reaches beyond `room`.
fn within(room: &Range<usize>, start: u64, length: u64) -> Option<Range<usize>> {
    let start = room.start.checked_add(usize::try_from(start).ok()?)?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (start < end && end <= room.end).then_some(start..end)
}

/// `iinf`, ISO/IEC 14496-12 section 8.11.6.
fn infos(mut fields: Fields<'_>) -> Result<Vec<Item>, DecodeError> {
    let file = fields.file;
    let (version, _) = fields.version()?;
    fields.number(if version == 0 { 2 } else { 4 })?;
    let mut items: Vec<Item> = Vec::new();
    for block in file.blocks(fields.rest())? {
        let mut fields = file.fields(block.content);
        let (version, flags) = fields.version()?;
        if block.kind != *b"infe" || version < 2 {
            return Err(file.damaged("an item of an unknown kind", block.start));
        }
        let id = fields.number(if version == 2 { 2 } else { 4 })? as u32;
        if fields.number(2)? != 0 {
            return Err(file.unsupported("encryption"));
        }
        let kind = fields.kind()?;
        if items.last().is_some_and(|last| last.id >= id) && items.iter().any(|item| item.id == id) {
            return Err(file.damaged("an item twice", block.start));
        }
        bounded(file, items.len(), MAX_ITEMS)?;
        items.push(Item { id, kind, hidden: flags & 1 == 1, extents: Vec::new(), properties: Vec::new() });
    }
    Ok(items)
}

/// `iref`, ISO/IEC 14496-12 section 8.11.12.
fn links(mut fields: Fields<'_>) -> Result<Vec<Link>, DecodeError> {
    let file = fields.file;
    let (version, _) = fields.version()?;
    let bytes = if version == 0 { 2 } else { 4 };
    let mut total = 0;
    let link = |block: Block| {
        let mut fields = file.fields(block.content);
        let from = fields.number(bytes)? as u32;
        let count = fields.number(2)?;
        total += 1 + count as usize;
        bounded(file, total, MAX_LINKS)?;
        let to = (0..count).map(|_| fields.number(bytes).map(|id| id as u32)).collect::<Result<_, _>>()?;
        Ok(Link { kind: block.kind, from, to })
    };
    file.blocks(fields.rest())?.into_iter().map(link).collect()
}

fn property(file: File<'_>, block: &Block) -> Result<Property, DecodeError> {
    let mut fields = file.fields(block.content.clone());
    Ok(match &block.kind {
        b"ispe" => {
            fields.version()?;
            Property::Size(fields.long()?, fields.long()?)
        }
        b"irot" => Property::Turn((fields.number(1)? & 3) as u8),
        // Width and height as fractions, then where the part lies (ISO/IEC 14496-12, 12.1.4).
        b"clap" => {
            let mut side = || -> Result<Option<u32>, DecodeError> {
                let (parts, of) = (fields.long()?, fields.long()?);
                Ok(parts.checked_rem(of).filter(|rest| *rest == 0 && parts > 0).map(|_| parts / of))
            };
            let (width, height) = (side()?, side()?);
            Property::Crop(width.zip(height))
        }
        // Luma and chroma, each less 8.
        b"hvcC" => {
            fields.number(8)?;
            fields.number(8)?;
            fields.number(1)?;
            let (luma, chroma) = (fields.number(1)? & 7, fields.number(1)? & 7);
            Property::Depth(8 + luma.max(chroma) as u8)
        }
        b"av1C" => {
            fields.number(2)?;
            let flags = fields.number(1)?;
            Property::Depth(match (flags & 0x40, flags & 0x20) {
                (0, _) => 8,
                (_, 0) => 10,
                _ => 12,
            })
        }
        b"colr" => match &fields.kind()? {
            b"nclx" => Property::Colours(fields.number(2)? as u16, fields.number(2)? as u16),
            b"prof" | b"rICC" => Property::Profile(fields.rest()),
            _ => Property::Other,
        },
        b"auxC" => {
            fields.version()?;
            let name = &file.bytes[fields.rest()];
            let alpha =
                [&b"urn:mpeg:hevc:2015:auxid:1\0"[..], b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"];
            Property::Auxiliary { alpha: alpha.iter().any(|a| name.starts_with(a)) }
        }
        _ => Property::Other,
    })
}
