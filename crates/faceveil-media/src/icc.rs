//! Which colour profiles are kept.

use faceveil_core::raster::Color;

/// Larger profiles are dropped.
pub(crate) const MAX_BYTES: usize = 16 << 20;
const HEADER_BYTES: usize = 128;

/// The profile, cut to the size its header declares (what follows would be hidden cargo); `None`
/// unless it has a header (ICC.1:2022 section 7.2: size at 0, `acsp` at 36) and is at most 16 MiB.
pub(crate) fn validated(mut profile: Vec<u8>) -> Option<Vec<u8>> {
    let declared = u32::from_be_bytes(profile.get(..4)?.try_into().ok()?) as usize;
    let sound = profile.get(36..40)? == b"acsp" && (HEADER_BYTES..=profile.len()).contains(&declared);
    if !sound || declared > MAX_BYTES {
        return None;
    }
    profile.truncate(declared);
    Some(profile)
}

/// The profile, if it describes the picture's samples and still does once they are written as
/// `written`.
pub(crate) fn describing(profile: Option<&[u8]>, picture: Color, written: Color) -> Option<&[u8]> {
    profile.filter(|p| p.get(16..20) == Some(space(picture)) && space(picture) == space(written))
}

/// How a profile's header names the colour model.
fn space(color: Color) -> &'static [u8] {
    match color {
        Color::Gray | Color::GrayAlpha => b"GRAY",
        Color::Rgb | Color::Rgba => b"RGB ",
        Color::Cmyk => b"CMYK",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(len: usize, declared: u32) -> Vec<u8> {
        let mut p = vec![0; len];
        p[..4].copy_from_slice(&declared.to_be_bytes());
        p[16..20].copy_from_slice(b"RGB ");
        p[36..40].copy_from_slice(b"acsp");
        p
    }

    #[test]
    fn only_sound_profiles_pass_and_nothing_behind_them() {
        assert_eq!(validated(profile(200, 200)).map(|p| p.len()), Some(200));
        assert_eq!(validated(profile(200, 150)).map(|p| p.len()), Some(150), "cargo is cut");
        assert_eq!(validated(profile(200, 201)), None, "shorter than declared");
        assert_eq!(validated(profile(200, 100)), None, "shorter than a header");
        assert_eq!(validated(vec![0; 200]), None, "no signature");
        assert_eq!(validated(vec![1; 3]), None, "3 bytes");
        assert_eq!(validated(profile(MAX_BYTES + 1, MAX_BYTES as u32 + 1)), None, "too large");
        let p = profile(128, 128);
        assert!(describing(Some(&p), Color::Rgba, Color::Rgb).is_some());
        assert!(describing(Some(&p), Color::Cmyk, Color::Cmyk).is_none());
        assert!(describing(Some(&p), Color::Cmyk, Color::Rgb).is_none());
    }
}
