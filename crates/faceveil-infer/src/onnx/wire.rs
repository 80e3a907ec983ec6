//! Protobuf's wire format: fields of a message, read and written.

use super::OnnxError;

/// What a field holds.
pub(super) enum Value<'a> {
    Number(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// The fields of one protobuf message, in order.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    /// Where the next field begins.
    pub at: usize,
}

impl<'a> Fields<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn varint(&mut self) -> Result<u64, OnnxError> {
        let (start, mut value) = (self.at, 0u64);
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(OnnxError::Truncated { at: self.at, need: 1 })?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(OnnxError::Varint { at: start })
    }

    fn take(&mut self, need: u64) -> Result<&'a [u8], OnnxError> {
        let body = usize::try_from(need)
            .ok()
            .and_then(|n| self.at.checked_add(n))
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or(OnnxError::Truncated { at: self.at, need })?;
        self.at += body.len();
        Ok(body)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), OnnxError> {
        let at = self.at;
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Number(0) // no field that is read here is a 64-bit fixed one
            }
            2 => {
                let need = self.varint()?;
                Value::Bytes(self.take(need)?)
            }
            5 => {
                let mut four = [0; 4];
                four.copy_from_slice(self.take(4)?);
                Value::Fixed32(u32::from_le_bytes(four))
            }
            wire => return Err(OnnxError::Wire { wire: wire as u8, at }),
        };
        Ok((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), OnnxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The message in field `number` of a message, the last one as protobuf has it.
pub(super) fn message(bytes: &[u8], number: u64) -> Result<Option<&[u8]>, OnnxError> {
    let mut found = None;
    for field in Fields::of(bytes) {
        if let (n, Value::Bytes(body)) = field?
            && n == number
        {
            found = Some(body);
        }
    }
    Ok(found)
}

/// A field of bytes.
pub(super) fn push_field(number: u64, body: &[u8], out: &mut Vec<u8>) {
    push_varint(number << 3 | 2, out);
    push_varint(body.len() as u64, out);
    out.extend(body);
}

fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
