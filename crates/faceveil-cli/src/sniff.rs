//! Whether a file in a folder is meant as a picture or a video, by its name or its first bytes.
//! Not for decoding: that looks at the content itself.

use std::ffi::OsStr;
use std::path::Path;

/// How many bytes [`content`] wants to see.
pub const HEAD_BYTES: usize = 512;

/// What the first bytes look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// A format that can be read, whatever the name says.
    Photo,
    /// A video, and what it is called.
    Video(&'static str),
    /// A picture or video that is not supported, and what it is called.
    Unsupported(&'static str),
    /// Neither picture nor video.
    Other,
}

const PICTURES: [&str; 32] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "tif", "tiff", "bmp", "gif", "heic", "heif", "hif", "avif",
    "jxl", "jp2", "psd", "tga", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "pef", "srw", "x3f",
    "mpo", "jps", "apng",
];

const VIDEOS: [&str; 53] = [
    "mp4", "m4v", "mov", "qt", "avi", "mkv", "webm", "ts", "mts", "m2ts", "mpg", "mpeg", "wmv", "3gp", "3g2",
    "flv", "ogv", "vob", "mxf", "insp", "insv", "360", "y4m", "mjpeg", "mjpg", "h264", "264", "avc", "h265",
    "265", "hevc", "dv", "dif", "ivf", "nut", "obu", "wtv", "vc1", "asf", "divx", "f4v", "m2v", "m1v", "mpv",
    "m2t", "trp", "rm", "rmvb", "dav", "ogm", "mk3d", "m4s", "amv",
];

/// Whether the ending of `path` says picture or video.
pub fn named_as_photo(path: &Path) -> bool {
    ending_among(path, &PICTURES) || named_as_video(path)
}

/// Whether the ending of `path` says video.
pub fn named_as_video(path: &Path) -> bool {
    ending_among(path, &VIDEOS)
}

/// Whether the ending of `path` says a video of JPEG pictures, whose content looks like one of them.
pub fn named_as_motion_jpeg(path: &Path) -> bool {
    ending_among(path, &["mjpeg", "mjpg"])
}

fn ending_among(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    ending.is_some_and(|e| endings.contains(&&*e))
}

/// What the first bytes of a file look like; `head` may be shorter than [`HEAD_BYTES`].
pub fn content(head: &[u8]) -> Looks {
    if head.starts_with(b"\xff\xd8\xff")
        || head.starts_with(b"\x89PNG\r\n\x1a\n")
        || riff(head) == Some(b"WEBP")
        || [&b"GIF87a"[..], b"GIF89a", b"II*\0", b"MM\0*"].iter().any(|magic| head.starts_with(magic))
        || head.starts_with(b"BM") && head.get(6..10) == Some(&[0; 4])
    {
        return Looks::Photo;
    }
    if head.get(4..8) == Some(b"ftyp") {
        return match head.get(8..12) {
            Some(b"avif" | b"avis" | b"mif1" | b"msf1") => Looks::Photo,
            Some(brand) if brand.starts_with(b"hei") || brand.starts_with(b"hev") => Looks::Photo,
            Some(b"crx ") => Looks::Unsupported("camera raw"),
            _ => Looks::Video("MP4 or QuickTime"),
        };
    }
    if matches!(head.get(4..8), Some(b"moov" | b"mdat" | b"wide" | b"free" | b"skip" | b"pnot")) {
        return Looks::Video("MP4 or QuickTime");
    }
    if riff(head) == Some(b"AVI ") {
        return Looks::Video("AVI");
    }
    // An MPEG transport stream repeats its mark every 188 bytes, or 192 with a time code before each.
    let stream = |first: usize, step: usize| (0..2).all(|n| head.get(first + n * step) == Some(&0x47));
    if stream(0, 188) || stream(4, 192) {
        return Looks::Video("MPEG");
    }
    if let Some((_, name)) = VIDEO_MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Looks::Video(name);
    }
    let known = MAGIC.iter().find(|(magic, _)| head.starts_with(magic));
    known.map_or(Looks::Other, |&(_, name)| Looks::Unsupported(name))
}

fn riff(head: &[u8]) -> Option<&[u8; 4]> {
    head.starts_with(b"RIFF").then(|| head.get(8..12)?.try_into().ok()).flatten()
}

const VIDEO_MAGIC: [(&[u8], &str); 16] = [
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (b"\0\0\x01\xba", "MPEG"),
    (b"\0\0\x01\xb3", "MPEG"),
    (b"FLV\x01", "FLV"),
    (b"DKIF", "IVF"),
    (b"nut/multimedia container", "NUT"),
    (b".RMF", "RealMedia"),
    (b"\x1f\x07\0", "DV"),
    // Bare H.264 and H.265 begin with a delimiter or with their parameters.
    (b"\0\0\0\x01\x09", "H.264"),
    (b"\0\0\0\x01\x67", "H.264"),
    (b"\0\0\0\x01\x27", "H.264"),
    (b"\0\0\0\x01\x40", "H.265"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMV"),
    (b"OggS", "Ogg"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
    (b"YUV4MPEG2 ", "YUV4MPEG2"),
];

const MAGIC: [(&[u8], &str); 13] = [
    (b"II+\0", "TIFF or camera raw"),
    (b"MM\0+", "TIFF or camera raw"),
    (b"IIRO", "camera raw"),
    (b"IIU\0", "camera raw"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"FOVb", "camera raw"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "Photoshop"),
    (b"qoif", "QOI"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_recognised_by_its_first_bytes() {
        let cases: [(&[u8], Looks); 11] = [
            (b"\x1a\x45\xdf\xa3", Looks::Video("Matroska or WebM")),
            (b"", Looks::Other),
            (b"hello", Looks::Other),
            (b"\xff\xd8\xff\xe0", Looks::Photo),
            (b"RIFF\0\0\0\0WEBPVP8 ", Looks::Photo),
            (b"RIFF\0\0\0\0WAVEfmt ", Looks::Other),
            (b"RIFF\0\0\0\0AVI LIST", Looks::Video("AVI")),
            (b"\0\0\0\x18ftypheic", Looks::Photo),
            (b"\0\0\0\x18ftypisom", Looks::Video("MP4 or QuickTime")),
            (b"II*\0\x08\0", Looks::Photo),
            (b"GIF89a", Looks::Photo),
        ];
        for (head, want) in cases {
            assert_eq!(content(head), want, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn names_are_judged_by_their_ending() {
        for name in ["a.jpg", "a.JPEG", "dir/b.WebP", "c.heic", "d.MOV", ".hidden.png"] {
            assert!(named_as_photo(Path::new(name)), "{name}");
        }
        for name in ["a.txt", "jpg", "Thumbs.db", ".jpg", "a.jpg.bak"] {
            assert!(!named_as_photo(Path::new(name)), "{name}");
        }
    }
}
