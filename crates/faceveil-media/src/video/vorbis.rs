//! What the comments in Vorbis headers say, which stay in a copy of the sound (Vorbis I specification, section 5).

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Headers lie at the beginning of a file; later ones are not looked for.
const HEAD_BYTES: u64 = 16 << 20;
/// Begins a header of comments.
const MARK: &[u8] = b"\x03vorbis";
/// Longest name of an encoder, bytes.
const LONGEST: usize = 80;

/// Whether each header of comments near the beginning of the file names the encoder and nothing else. `false` if there is
/// none, or it cannot be read: then nothing is known.
pub(super) fn says_nothing(file: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|f| f.take(HEAD_BYTES).read_to_end(&mut head));
    read.is_ok() && all_say_nothing(&head)
}

fn all_say_nothing(head: &[u8]) -> bool {
    let mut found = false;
    for at in 0..head.len().saturating_sub(MARK.len()) {
        if head[at..].starts_with(MARK) {
            if is_empty(&head[at + MARK.len()..]).is_none() {
                return false;
            }
            found = true;
        }
    }
    found
}

/// `None` if the header says more than who encoded, or ends early.
fn is_empty(header: &[u8]) -> Option<()> {
    let (_vendor, rest) = text(header)?;
    let (count, mut rest) = rest.split_first_chunk()?;
    for _ in 0..u32::from_le_bytes(*count) {
        let (comment, after) = text(rest)?;
        comment.get(..8).filter(|name| name.eq_ignore_ascii_case(b"encoder="))?;
        rest = after;
    }
    Some(())
}

/// A text with its length before it, of at most [`LONGEST`] bytes, and what follows.
fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    let len = u32::from_le_bytes(*len) as usize;
    (len <= LONGEST).then(|| rest.split_at_checked(len)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(comments: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"before\x03vorbis".to_vec();
        let mut text = |text: &[u8]| {
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text);
        };
        text(b"Lavf");
        bytes.extend((comments.len() as u32).to_le_bytes());
        for comment in comments {
            bytes.extend((comment.len() as u32).to_le_bytes());
            bytes.extend(*comment);
        }
        bytes.extend(b"\x01after");
        bytes
    }

    #[test]
    fn only_an_encoder_is_nothing() {
        assert!(all_say_nothing(&header(&[])));
        assert!(all_say_nothing(&header(&[b"ENCODER=Lavc libvorbis"])));
        assert!(!all_say_nothing(&header(&[b"encoder=x", b"LOCATION=52.5,13.4"])));
        assert!(
            !all_say_nothing(&header(&[&[b"encoder=", &[b'x'; 100][..]].concat()])),
            "too long for a name"
        );
        assert!(!all_say_nothing(b"no header"));
        assert!(!all_say_nothing(&[header(&[]), header(&[b"a=b"])].concat()), "the second one speaks");
    }

    #[test]
    fn headers_cut_anywhere_say_something() {
        let whole = header(&[b"encoder=x"]);
        for end in 0..whole.len() - 6 {
            assert!(!all_say_nothing(&whole[..end]), "{end}");
        }
    }
}
