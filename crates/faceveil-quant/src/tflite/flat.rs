//! FlatBuffers, as far as TFLite files need them: a reader that trusts nothing, and a writer.
//! Source: <https://flatbuffers.dev/internals/>.

use crate::network::NetworkError;

/// A table in a file.
#[derive(Clone, Copy, Debug)]
pub struct Table<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Offset of the vtable and its length.
    vtable: (usize, usize),
}

/// A vector of tables, or of numbers of a size that its reader knows.
#[derive(Clone, Copy, Debug)]
pub struct Vector<'b> {
    bytes: &'b [u8],
    at: usize,
    len: usize,
}

fn damaged(at: usize, what: &'static str) -> NetworkError {
    NetworkError::Damaged { at, what }
}

fn take<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], NetworkError> {
    let found = at.checked_add(N).and_then(|end| bytes.get(at..end)).and_then(|b| b.try_into().ok());
    found.ok_or(damaged(at, "the file ends early"))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize, NetworkError> {
    Ok(u32::from_le_bytes(take(bytes, at)?) as usize)
}

fn follow(bytes: &[u8], at: usize) -> Result<usize, NetworkError> {
    let offset = u32_at(bytes, at)?;
    at.checked_add(offset).filter(|to| *to < bytes.len()).ok_or(damaged(at, "an offset inside the file"))
}

impl<'b> Table<'b> {
    /// The root of a file that has the identifier `name`.
    ///
    /// # Errors
    /// [`NetworkError::Damaged`] if there is none.
    pub fn root(bytes: &'b [u8], name: &[u8; 4]) -> Result<Self, NetworkError> {
        if take::<4>(bytes, 4)? != *name {
            return Err(damaged(4, "TFL3"));
        }
        Self::new(bytes, follow(bytes, 0)?)
    }

    fn new(bytes: &'b [u8], at: usize) -> Result<Self, NetworkError> {
        let back = i32::from_le_bytes(take(bytes, at)?);
        let vtable = i64::try_from(at).ok().and_then(|at| usize::try_from(at - i64::from(back)).ok());
        let vtable = vtable.ok_or(damaged(at, "a vtable inside the file"))?;
        let len = usize::from(u16::from_le_bytes(take(bytes, vtable)?));
        Ok(Self { bytes, at, vtable: (vtable, len) })
    }

    /// Where field `n` lies; `None` if the table has its default.
    fn field(&self, n: usize) -> Result<Option<usize>, NetworkError> {
        let entry = 4 + 2 * n;
        if entry + 2 > self.vtable.1 {
            return Ok(None);
        }
        let offset = u16::from_le_bytes(take(self.bytes, self.vtable.0 + entry)?);
        Ok((offset != 0).then(|| self.at + usize::from(offset)))
    }

    /// A number of a byte.
    ///
    /// # Errors
    /// [`NetworkError::Damaged`] if it lies outside, as below.
    pub fn i8(&self, n: usize, default: i8) -> Result<i8, NetworkError> {
        self.field(n)?.map_or(Ok(default), |at| Ok(take::<1>(self.bytes, at)?[0] as i8))
    }

    /// A number of 32 bits.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn i32(&self, n: usize, default: i32) -> Result<i32, NetworkError> {
        self.field(n)?.map_or(Ok(default), |at| Ok(i32::from_le_bytes(take(self.bytes, at)?)))
    }

    /// A number of 64 bits, 0 if it is not there.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn u64(&self, n: usize) -> Result<u64, NetworkError> {
        self.field(n)?.map_or(Ok(0), |at| Ok(u64::from_le_bytes(take(self.bytes, at)?)))
    }

    /// A table.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn table(&self, n: usize) -> Result<Option<Self>, NetworkError> {
        self.field(n)?.map(|at| Self::new(self.bytes, follow(self.bytes, at)?)).transpose()
    }

    /// A vector of things of `size` bytes; an empty one if the field is not there.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn vector(&self, n: usize, size: usize) -> Result<Vector<'b>, NetworkError> {
        let Some(at) = self.field(n)? else { return Ok(Vector { bytes: self.bytes, at: 0, len: 0 }) };
        let at = follow(self.bytes, at)?;
        let len = u32_at(self.bytes, at)?;
        let end = len.checked_mul(size).and_then(|bytes| bytes.checked_add(at + 4));
        if end.is_none_or(|end| end > self.bytes.len()) {
            return Err(damaged(at, "a vector inside the file"));
        }
        Ok(Vector { bytes: self.bytes, at: at + 4, len })
    }

    /// A vector of tables.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn tables(&self, n: usize) -> Result<Vec<Self>, NetworkError> {
        let vector = self.vector(n, 4)?;
        (0..vector.len).map(|i| Self::new(self.bytes, follow(self.bytes, vector.at + 4 * i)?)).collect()
    }

    /// A vector of 32 bits each.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn i32s(&self, n: usize) -> Result<Vec<i32>, NetworkError> {
        Ok(self.vector(n, 4)?.bytes().as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect())
    }

    /// A vector of numbers.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn f32s(&self, n: usize) -> Result<Vec<f32>, NetworkError> {
        Ok(self.vector(n, 4)?.bytes().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
    }

    /// A vector of 64 bits each.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn i64s(&self, n: usize) -> Result<Vec<i64>, NetworkError> {
        let vector = self.vector(n, 8)?;
        let bytes = &self.bytes[vector.at..][..8 * vector.len];
        Ok(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect())
    }

    /// A vector of bytes.
    ///
    /// # Errors
    /// See [`Self::i8`].
    pub fn bytes(&self, n: usize) -> Result<&'b [u8], NetworkError> {
        let vector = self.vector(n, 1)?;
        Ok(&self.bytes[vector.at..][..vector.len])
    }
}

impl<'b> Vector<'b> {
    /// The bytes of a vector of 4 bytes each.
    fn bytes(&self) -> &'b [u8] {
        &self.bytes[self.at..][..4 * self.len]
    }
}

/// A value of a field that is written.
#[derive(Clone, Debug)]
pub enum Field {
    /// A byte.
    Byte(u8),
    /// 32 bits.
    Int(i32),
    /// A vector or a string: number of things, bytes, the multiple that the first thing lies at.
    Vector(usize, Vec<u8>, usize),
    /// A table.
    Table(Fields),
    /// A vector of tables.
    Tables(Vec<Fields>),
}

/// The fields of a table, with their numbers.
pub type Fields = Vec<(usize, Field)>;

impl Field {
    /// A vector of 32 bits each.
    pub fn ints(values: &[i32]) -> Self {
        Self::Vector(values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect(), 4)
    }

    /// A vector of numbers.
    pub fn floats(values: &[f32]) -> Self {
        Self::Vector(values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect(), 4)
    }

    /// A vector of 64 bits each.
    pub fn longs(values: &[i64]) -> Self {
        Self::Vector(values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect(), 8)
    }

    /// A string, with the zero behind it that is not counted.
    pub fn text(text: &str) -> Self {
        Self::Vector(text.len(), [text.as_bytes(), &[0]].concat(), 4)
    }
}

/// The file with `root` and the identifier `name`. Written front to back: a table, then what it points to.
pub fn write(root: &Fields, name: &[u8; 4]) -> Vec<u8> {
    let mut out = vec![0; 4];
    out.extend(name);
    // Room that keeps what follows at a multiple of 16.
    out.resize(16, 0);
    let at = table(&mut out, root);
    out[..4].copy_from_slice(&(at as u32).to_le_bytes());
    out
}

/// Writes a table behind what is there; gives where it lies.
fn table(out: &mut Vec<u8>, fields: &Fields) -> usize {
    let slots = fields.iter().map(|(n, _)| n + 1).max().unwrap_or(0);
    // vtable: its length, the table's, an offset a field.
    out.resize(out.len().next_multiple_of(4), 0);
    let vtable = out.len();
    let vtable_len = 4 + 2 * slots;
    out.resize((vtable + vtable_len).next_multiple_of(4), 0);
    let at = out.len();
    out.extend(((at - vtable) as i32).to_le_bytes());
    let mut links = Vec::new();
    let mut entries = vec![0u16; slots];
    // Those of 32 bits first, so that all lie at their multiples.
    let large = fields.iter().filter(|f| !matches!(f.1, Field::Byte(_)));
    let small = fields.iter().filter(|f| matches!(f.1, Field::Byte(_)));
    for (n, field) in large.chain(small) {
        entries[*n] = (out.len() - at) as u16;
        match field {
            Field::Byte(b) => out.push(*b),
            Field::Int(v) => out.extend(v.to_le_bytes()),
            other => {
                links.push((out.len(), other));
                out.extend([0; 4]);
            }
        }
    }
    let header = [vtable_len as u16, (out.len() - at) as u16];
    for (i, v) in header.into_iter().chain(entries).enumerate() {
        out[vtable + 2 * i..][..2].copy_from_slice(&v.to_le_bytes());
    }
    for (link, field) in links {
        let to = match field {
            Field::Table(fields) => table(out, fields),
            Field::Tables(tables) => vector_of_tables(out, tables),
            Field::Vector(len, bytes, multiple) => vector(out, *len, bytes, *multiple),
            Field::Byte(_) | Field::Int(_) => link,
        };
        out[link..link + 4].copy_from_slice(&((to - link) as u32).to_le_bytes());
    }
    at
}

fn vector(out: &mut Vec<u8>, len: usize, bytes: &[u8], multiple: usize) -> usize {
    // The first thing lies at the multiple, its number before it.
    let first = (out.len() + 4).next_multiple_of(multiple.max(4));
    out.resize(first - 4, 0);
    out.extend((len as u32).to_le_bytes());
    out.extend(bytes);
    first - 4
}

fn vector_of_tables(out: &mut Vec<u8>, tables: &[Fields]) -> usize {
    let at = vector(out, tables.len(), &vec![0; 4 * tables.len()], 4);
    for (i, fields) in tables.iter().enumerate() {
        let link = at + 4 + 4 * i;
        let to = table(out, fields);
        out[link..link + 4].copy_from_slice(&((to - link) as u32).to_le_bytes());
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let inner = vec![(0, Field::Int(-5)), (3, Field::Byte(7))];
        let root = vec![
            (0, Field::Int(3)),
            (2, Field::Tables(vec![inner.clone(), vec![]])),
            (3, Field::longs(&[1, -2])),
            (4, Field::Table(inner)),
            (5, Field::Vector(3, vec![1, 2, 3], 16)),
            (6, Field::floats(&[0.5])),
            (7, Field::text("name")),
        ];
        write(&root, b"TFL3")
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample();
        let root = Table::root(&bytes, b"TFL3").unwrap();
        assert_eq!((root.i32(0, 0), root.i32(1, 9)), (Ok(3), Ok(9)));
        let tables = root.tables(2).unwrap();
        assert_eq!((tables[0].i32(0, 0), tables[0].i8(3, 0), tables[1].i8(3, 4)), (Ok(-5), Ok(7), Ok(4)));
        assert_eq!(root.i64s(3), Ok(vec![1, -2]));
        assert_eq!(root.table(4).unwrap().unwrap().i32(0, 0), Ok(-5));
        assert_eq!(root.bytes(5), Ok(&[1u8, 2, 3][..]));
        assert_eq!(root.f32s(6), Ok(vec![0.5]));
        assert_eq!(root.bytes(7), Ok(&b"name"[..]));
        assert_eq!(root.bytes(8), Ok(&[][..]));
    }

    #[test]
    fn beginnings_are_refused_or_read_as_far_as_they_go() {
        let bytes = sample();
        for n in 0..bytes.len() {
            let Ok(root) = Table::root(&bytes[..n], b"TFL3") else { continue };
            // Whatever can be read ends in an error or a value, never outside.
            let _ = (root.tables(2), root.i64s(3), root.table(4), root.bytes(5), root.f32s(6), root.bytes(7));
        }
        assert!(Table::root(&bytes[..20], b"TFL3").is_err());
        assert!(Table::root(&bytes, b"TFL2").is_err());
    }
}
