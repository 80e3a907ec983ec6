//! APNG (PNG third edition, section 11.3.2): every frame as it is shown.

use super::encode::{header, write_extras};
use crate::colour::{ink_to_rgb, row8};
use crate::frames::{self, Canvas, Disposal, Place, Sample};
use crate::inspect::Part;
use crate::{Album, DecodeError, Delay, EncodeError, Format, Limits, Motion};
use faceveil_core::raster::{Color, Raster, Samples};
use png::{BitDepth, BlendOp, ColorType, DisposeOp, EncodingError, Reader};
use std::io::Cursor;

type Source<'a> = Reader<Cursor<&'a [u8]>>;

/// How many frames there are by the header, if the file is an animation.
pub(super) fn frames(bytes: &[u8], parts: &[Part]) -> Option<usize> {
    let animated = parts.iter().take_while(|p| p.name != "IDAT").find(|p| p.name == "acTL")?;
    let number = animated.data(bytes).get(..4)?.try_into().ok().map(u32::from_be_bytes)?;
    Some(number as usize)
}

/// The frames and, if there are several, their timing.
pub(super) fn decode(
    reader: &mut Source<'_>,
    size: (u32, u32),
    count: usize,
    limits: &Limits,
) -> Result<(Vec<Raster>, Option<Motion>), DecodeError> {
    if count == 0 {
        return Err(refused("an animation of 0 frames"));
    }
    frames::check(Format::Png, size, count, limits)?;
    let plays = reader.info().animation_control().map_or(0, |a| a.num_plays);
    // A default picture that is no frame is not shown where animations are.
    if reader.info().frame_control().is_none() {
        skip(reader)?;
    }
    let (rasters, delays) = match reader.output_color_type().1 {
        BitDepth::Sixteen => shown::<u16>(reader, size, count, samples16)?,
        _ => shown::<u8>(reader, size, count, |_, bytes| bytes.to_vec())?,
    };
    let motion = (count > 1).then_some(Motion { plays, delays });
    Ok((rasters, motion))
}

fn samples16(_: Color, bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks::<2>().0.iter().map(|b| u16::from_be_bytes(*b)).collect()
}

fn skip(reader: &mut Source<'_>) -> Result<(), DecodeError> {
    let size = reader.output_buffer_size().ok_or_else(|| refused("too many bytes"))?;
    reader.next_frame(&mut vec![0; size]).map(drop).map_err(refused)
}

fn shown<T: Sample>(
    reader: &mut Source<'_>,
    (width, height): (u32, u32),
    count: usize,
    samples: impl Fn(Color, &[u8]) -> Vec<T>,
) -> Result<(Vec<Raster>, Vec<Delay>), DecodeError> {
    let mut canvas = Canvas::<T>::new(width, height);
    let size = reader.output_buffer_size().ok_or_else(|| refused("too many bytes"))?;
    let mut buffer = vec![0; size];
    let (mut all, mut delays) = (Vec::new(), Vec::new());
    for n in 0..count {
        let output = reader.next_frame(&mut buffer).map_err(refused)?;
        let control = *reader.info().frame_control().ok_or_else(|| refused("a frame without its control"))?;
        if reader.info().interlaced && control.width != width {
            let feature = "interlaced frames smaller than the picture";
            return Err(DecodeError::UnsupportedFeature { format: Format::Png, feature });
        }
        let color = color(output.color_type)?;
        let frame = spread(&samples(color, &buffer[..output.buffer_size()]), color);
        let place = Place {
            left: control.x_offset as usize,
            top: control.y_offset as usize,
            width: control.width as usize,
            height: control.height as usize,
        };
        let after = match control.dispose_op {
            DisposeOp::None => Disposal::Keep,
            DisposeOp::Background => Disposal::Clear,
            // There is nothing before the first.
            DisposeOp::Previous if n == 0 => Disposal::Clear,
            DisposeOp::Previous => Disposal::Restore,
        };
        let shown = canvas.show(&frame, place, control.blend_op == BlendOp::Over, after);
        all.push(shown.ok_or_else(|| refused("a frame that does not lie within the picture"))?);
        let denominator = if control.delay_den == 0 { 100 } else { control.delay_den.into() };
        delays.push(Delay { numerator: control.delay_num.into(), denominator });
    }
    let alpha = all.iter().any(|frame| frames::has_alpha(frame));
    let raster = |frame| frames::raster(width, height, frame, alpha).map_err(refused);
    Ok((all.into_iter().map(raster).collect::<Result<_, _>>()?, delays))
}

fn color(kind: ColorType) -> Result<Color, DecodeError> {
    match kind {
        ColorType::Grayscale => Ok(Color::Gray),
        ColorType::GrayscaleAlpha => Ok(Color::GrayAlpha),
        ColorType::Rgb => Ok(Color::Rgb),
        ColorType::Rgba => Ok(Color::Rgba),
        ColorType::Indexed => Err(refused("a palette was not expanded")),
    }
}

fn spread<T: Sample>(samples: &[T], color: Color) -> Vec<[T; 4]> {
    let pixel = |p: &[T]| match *p {
        [g] => [g, g, g, T::OPAQUE],
        [g, a] => [g, g, g, a],
        [r, g, b] => [r, g, b, T::OPAQUE],
        _ => [p[0], p[1], p[2], p[3]],
    };
    samples.chunks_exact(color.channels()).map(pixel).collect()
}

fn refused(error: impl std::fmt::Display) -> DecodeError {
    DecodeError::Decoder { format: Format::Png, message: error.to_string() }
}

pub(crate) fn encode(album: &Album, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodeError> {
    write(album, exif).map_err(|e| EncodeError::Encoder { format: Format::Png, message: e.to_string() })
}

/// Full frames that replace each other; the first is what programs show that know no animations.
fn write(album: &Album, exif: Option<&[u8]>) -> Result<Vec<u8>, EncodingError> {
    let first = album.first();
    let delays = album.motion().map(|m| (m.plays, &m.delays[..])).unwrap_or_default();
    let mut file = Vec::new();
    let (mut encoder, profile) = header(first, &mut file)?;
    encoder.set_animated(album.pages().len() as u32, delays.0)?;
    encoder.set_blend_op(BlendOp::Source)?;
    encoder.set_dispose_op(DisposeOp::None)?;
    encoder.validate_sequence(true);
    let mut writer = encoder.write_header()?;
    write_extras(&mut writer, first, profile, exif)?;
    for (photo, delay) in album.pages().iter().zip(delays.1) {
        let (numerator, denominator) = sixteen(*delay);
        writer.set_frame_delay(numerator, denominator)?;
        writer.write_image_data(&bytes(&photo.raster, first.raster.color()))?;
    }
    writer.finish()?;
    Ok(file)
}

/// The delay with numbers of 16 bits, in milliseconds if they are larger.
fn sixteen(delay: Delay) -> (u16, u16) {
    match (u16::try_from(delay.numerator), u16::try_from(delay.denominator)) {
        (Ok(numerator), Ok(denominator)) => (numerator, denominator),
        _ => (delay.in_units(1000).min(65_535) as u16, 1000),
    }
}

/// Samples as the file has them, in the kind of the first frame.
fn bytes(raster: &Raster, like: Color) -> Vec<u8> {
    match raster.samples() {
        Samples::U16(samples) if raster.color() == like => {
            samples.iter().flat_map(|s| s.to_be_bytes()).collect()
        }
        _ => {
            let (mut all, mut row) = (Vec::new(), Vec::new());
            for y in 0..raster.height() as usize {
                row8(raster, y, &mut row);
                if raster.color() == Color::Cmyk {
                    ink_to_rgb(&mut row);
                }
                match (raster.color(), like) {
                    (Color::Rgb, Color::Rgba) => {
                        all.extend(row.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]));
                    }
                    _ => all.extend_from_slice(&row),
                }
            }
            all
        }
    }
}
