//! One image of every kind, written by hand or by the encoders of `image`.

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage};

use super::*;

fn gradient() -> RgbImage {
    RgbImage::from_fn(20, 12, |x, y| Rgb([x as u8 * 12, y as u8 * 20, 128]))
}

fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn limited(name: &str, value: u64) -> Limits {
    let mut limits = Limits::default();
    limits.set(name, value).unwrap();
    limits
}

fn decoded(bytes: &[u8]) -> Image {
    decode(bytes, &DecodeOptions::default()).unwrap()
}

#[test]
fn lossless_formats_give_the_pixels_back() {
    let image = DynamicImage::ImageRgb8(gradient());
    for format in
        [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::Pnm, ImageFormat::WebP]
    {
        let photo = decoded(&encode(&image, format));
        assert_eq!((photo.width(), photo.height()), (20, 12), "{format:?}");
        assert_eq!(photo.format(), PixelFormat::Rgb, "{format:?}");
        assert_eq!(photo.pixels(), gradient().as_raw(), "{format:?}");
    }
}

#[test]
fn jpeg_gives_the_pixels_nearly() {
    let photo = decoded(&encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Jpeg));
    assert_eq!(photo.format(), PixelFormat::Rgb);
    let worst = photo.pixels().iter().zip(gradient().as_raw()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst.unwrap() < 40, "{worst:?}");
}

#[test]
fn the_first_frame_of_a_gif_counts() {
    let frames = [[255, 0, 0], [0, 255, 0]].map(|[r, g, b]| {
        image::Frame::new(image::RgbaImage::from_pixel(4, 3, image::Rgba([r, g, b, 255])))
    });
    let mut bytes = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut bytes).encode_frames(frames).unwrap();
    let photo = decoded(&bytes);
    assert_eq!(photo.format(), PixelFormat::Rgba);
    assert_eq!(photo.pixels()[..4], [255, 0, 0, 255]);
}

#[test]
fn samples_of_16_bits_keep_their_high_byte() {
    let image =
        image::ImageBuffer::from_fn(2, 1, |x, _| Rgb([0x12ff_u16, 0x80ff, x as u16 * 0xffff]));
    let photo = decoded(&encode(&DynamicImage::ImageRgb16(image), ImageFormat::Png));
    assert_eq!(photo.pixels(), [0x12, 0x80, 0, 0x12, 0x80, 0xff]);
    let gray_image = image::ImageBuffer::from_pixel(1, 1, image::LumaA([0x34ff_u16, 7]));
    let photo = decoded(&encode(&DynamicImage::ImageLumaA16(gray_image), ImageFormat::Png));
    assert_eq!((photo.format(), photo.pixels()), (PixelFormat::Gray, &[0x34][..]));
}

#[test]
fn gray_drops_its_alpha_and_color_keeps_it_for_later() {
    let gray_image = image::ImageBuffer::from_pixel(2, 1, image::LumaA([9u8, 0]));
    let photo = decoded(&encode(&DynamicImage::ImageLumaA8(gray_image), ImageFormat::Png));
    assert_eq!((photo.format(), photo.pixels()), (PixelFormat::Gray, &[9, 9][..]));
    let color_image = image::RgbaImage::from_pixel(1, 1, image::Rgba([1, 2, 3, 0]));
    let photo = decoded(&encode(&DynamicImage::ImageRgba8(color_image), ImageFormat::Png));
    assert_eq!((photo.format(), photo.pixels()), (PixelFormat::Rgba, &[1, 2, 3, 0][..]));
}

/// A chunk of a PNG file.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = (data.len() as u32).to_be_bytes().to_vec();
    bytes.extend(name);
    bytes.extend(data);
    let mut crc = !0u32;
    for &byte in &bytes[4..] {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    bytes.extend((!crc).to_be_bytes());
    bytes
}

/// A PNG file of one row, its bytes stored without compression.
fn png(width: u32, depth: u8, color: u8, chunks: &[Vec<u8>], row: &[u8]) -> Vec<u8> {
    let mut header = width.to_be_bytes().to_vec();
    header.extend(1u32.to_be_bytes());
    header.extend([depth, color, 0, 0, 0]);
    let filtered: Vec<u8> = std::iter::once(0).chain(row.iter().copied()).collect();
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in &filtered {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = filtered.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(filtered);
    stream.extend((b << 16 | a).to_be_bytes());
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    bytes.extend(chunk(b"IHDR", &header));
    bytes.extend(chunks.concat());
    bytes.extend(chunk(b"IDAT", &stream));
    bytes.extend(chunk(b"IEND", &[]));
    bytes
}

#[test]
fn palettes_and_gray_of_few_bits_are_expanded() {
    let palette = chunk(b"PLTE", &[10, 20, 30, 40, 50, 60]);
    let photo = decoded(&png(2, 8, 3, std::slice::from_ref(&palette), &[1, 0]));
    assert_eq!((photo.format(), photo.pixels()), (PixelFormat::Rgb, &[40, 50, 60, 10, 20, 30][..]));
    let transparency = chunk(b"tRNS", &[0, 255]);
    let photo = decoded(&png(2, 8, 3, &[palette, transparency], &[1, 0]));
    assert_eq!(
        (photo.format(), photo.pixels()),
        (PixelFormat::Rgba, &[40, 50, 60, 255, 10, 20, 30, 0][..])
    );
    let photo = decoded(&png(4, 2, 0, &[], &[0b0001_1011]));
    assert_eq!((photo.format(), photo.pixels()), (PixelFormat::Gray, &[0, 85, 170, 255][..]));
}

/// A TIFF header and its one directory of tag, type, count and value.
fn tiff(entries: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

/// A TIFF file of one CMYK pixel.
fn cmyk_tiff(pixel: [u8; 4]) -> Vec<u8> {
    let entries: [(u16, u16, u32, u32); 9] = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 4, 8 + 2 + 9 * 12 + 4),
        (259, 3, 1, 1),
        (262, 3, 1, 5),
        (273, 4, 1, 8 + 2 + 9 * 12 + 4 + 8),
        (277, 3, 1, 4),
        (278, 3, 1, 1),
        (279, 4, 1, 4),
    ];
    let mut bytes = tiff(&entries);
    bytes.extend([8u16; 4].iter().flat_map(|bits| bits.to_le_bytes()));
    bytes.extend(pixel);
    bytes
}

#[test]
fn cmyk_becomes_rgb() {
    let photo = decoded(&cmyk_tiff([0, 255, 255, 0]));
    assert_eq!((photo.format(), photo.pixels()), (PixelFormat::Rgb, &[255, 0, 0][..]));
    let photo = decoded(&cmyk_tiff([0, 0, 0, 255]));
    assert_eq!(photo.pixels(), [0, 0, 0]);
}

#[test]
fn floats_are_scaled_rounded_and_clamped() {
    let image = image::Rgb32FImage::from_pixel(1, 1, Rgb([0.5, 2.0, -1.0]));
    let photo = decoded(&encode(&DynamicImage::ImageRgb32F(image), ImageFormat::Tiff));
    assert_eq!(photo.pixels(), [128, 255, 0]);
}

/// A TIFF header with nothing but an orientation.
fn exif(orientation: u16) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    bytes.extend(orientation.to_le_bytes());
    bytes.extend([0; 6]);
    bytes
}

fn png_with_exif(data: Vec<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(data).unwrap();
    encoder.write_image(gradient().as_raw(), 20, 12, ExtendedColorType::Rgb8).unwrap();
    bytes
}

/// A JPEG with a segment of EXIF data behind its first marker.
fn jpeg_with_exif(data: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Jpeg);
    let length = (2 + 6 + data.len()) as u16;
    let segment = [&b"\xff\xe1"[..], &length.to_be_bytes(), b"Exif\0\0", data].concat();
    bytes.splice(2..2, segment);
    bytes
}

#[test]
fn exif_orientation_is_applied_or_ignored_as_asked() {
    for orientation in Orientation::ALL {
        let bytes = png_with_exif(exif(orientation.exif().into()));
        assert_eq!(decoded(&bytes).orientation(), orientation);
        for exif in [Exif::Ignore, Exif::ApplyToJpeg] {
            let photo =
                decode(&bytes, &DecodeOptions { exif, ..DecodeOptions::default() }).unwrap();
            assert_eq!(photo.orientation(), Orientation::TopLeft);
        }
        let jpeg = jpeg_with_exif(&exif(orientation.exif().into()));
        for (exif, expected) in [
            (Exif::Apply, orientation),
            (Exif::ApplyToJpeg, orientation),
            (Exif::Ignore, Orientation::TopLeft),
        ] {
            let photo = decode(&jpeg, &DecodeOptions { exif, ..DecodeOptions::default() }).unwrap();
            assert_eq!(photo.orientation(), expected);
        }
    }
}

/// A WebP with a chunk of EXIF data behind its image: the extended form of the file has it.
fn webp_with_exif(data: &[u8]) -> Vec<u8> {
    let plain = encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::WebP);
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let mut chunk = name.to_vec();
        chunk.extend((data.len() as u32).to_le_bytes());
        chunk.extend(data);
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    // The flag of EXIF data, three reserved bytes, then width and height less one in three bytes each.
    let header = [0b1000, 0, 0, 0, 19, 0, 0, 11, 0, 0];
    let body =
        [&b"WEBP"[..], &chunk(b"VP8X", &header), &plain[12..], &chunk(b"EXIF", data)].concat();
    chunk(b"RIFF", &body)
}

/// A TIFF of one gray pixel with an orientation.
fn tiff_with_orientation(orientation: u16) -> Vec<u8> {
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8 + 2 + 10 * 12 + 4),
        (274, 3, 1, orientation.into()),
        (277, 3, 1, 1),
        (278, 3, 1, 1),
        (279, 4, 1, 1),
    ];
    [tiff(&entries), vec![77]].concat()
}

#[test]
fn exif_orientation_is_read_from_webp_and_tiff() {
    for orientation in Orientation::ALL {
        let number = orientation.exif();
        assert_eq!(decoded(&webp_with_exif(&exif(number.into()))).orientation(), orientation);
        let photo = decoded(&tiff_with_orientation(number.into()));
        assert_eq!((photo.orientation(), photo.pixels()), (orientation, &[77][..]));
    }
}

#[test]
fn broken_exif_leaves_the_image_alone() {
    for data in
        [exif(0), exif(9), exif(6)[..14].to_vec(), b"II*\0\xff\xff\xff\xff".to_vec(), vec![0]]
    {
        let photo = decoded(&png_with_exif(data));
        assert_eq!(photo.orientation(), Orientation::TopLeft);
        assert_eq!(photo.pixels(), gradient().as_raw());
    }
}

#[test]
fn limits_hold_before_anything_is_allocated() {
    let bytes = encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Png);
    for limits in [
        limited("max_image_bytes", bytes.len() as u64 - 1),
        limited("max_pixels", 20 * 12 - 1),
        limited("max_decoder_bytes", 20 * 12 * 3 - 1),
    ] {
        let error =
            decode(&bytes, &DecodeOptions { limits, ..DecodeOptions::default() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    }
    let jpeg = encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Jpeg);
    let limits = |bytes| limited("max_decoder_bytes", bytes);
    let within =
        |bytes| decode(&jpeg, &DecodeOptions { limits: limits(bytes), ..DecodeOptions::default() });
    let decoder = lookalike_jpeg::Decoder::new(&jpeg, &lookalike_jpeg::Options::default());
    let (needed, _) = decoder.unwrap().memory(20 * 12);
    assert!(needed > 20 * 12 * 3);
    assert!(within(needed).is_ok());
    let error = within(needed - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    // Thirty bytes that claim 100 000 x 100 000 pixels.
    for bomb in [&b"P6 100000 100000 255 "[..], b"P5 100000 100000 255 "] {
        let error = decode(bomb, &DecodeOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
    }
}

#[test]
fn what_is_no_image_is_said_so() {
    for bytes in [&b""[..], b"hello", b"TFL3TFL3TFL3", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"] {
        let error = decode(bytes, &DecodeOptions::default()).unwrap_err();
        assert!(error.to_string().starts_with("An error occurred while decoding image"), "{error}");
    }
    let missing = decode_file("no/such/file.png", &DecodeOptions::default()).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert_eq!(missing.to_string(), "Unable to open file at no/such/file.png");
}

#[test]
fn errors_say_what_is_wrong_and_whose_fault_it_is() {
    for (bytes, words) in [
        (&b""[..], "the file is empty"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC is not supported: convert"),
        (b"nonsense", "unknown image type; this build reads "),
    ] {
        let error = decode(bytes, &DecodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

const FORMATS: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Pnm,
    ImageFormat::WebP,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
];

#[test]
fn every_prefix_of_an_image_gives_a_result_or_an_error() {
    let image = DynamicImage::ImageRgb8(gradient());
    for format in FORMATS {
        let bytes = encode(&image, format);
        for end in 0..bytes.len() {
            for allow_truncated in [false, true] {
                let options = DecodeOptions { allow_truncated, ..DecodeOptions::default() };
                decode(&bytes[..end], &options).ok();
            }
        }
    }
}

#[test]
fn files_that_end_early_are_refused_unless_allowed() {
    let image = DynamicImage::ImageRgb8(gradient());
    let allowed = DecodeOptions { allow_truncated: true, ..DecodeOptions::default() };
    for format in FORMATS {
        let bytes = encode(&image, format);
        for percent in [20, 50, 80, 95] {
            let part = &bytes[..bytes.len() * percent / 100];
            assert!(decode(part, &DecodeOptions::default()).is_err(), "{format:?} {percent} %");
        }
        let (whole, _) = decode_within(&bytes, &allowed, &MemoryBudget::unlimited()).unwrap();
        assert!(!whole.is_truncated, "{format:?}");
    }
    for format in
        [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Pnm, ImageFormat::Tiff]
    {
        // The directory of a TIFF file may come first or last; without it nothing is known of the image.
        let bytes = if format == ImageFormat::Tiff { plain_tiff() } else { encode(&image, format) };
        let whole = decode(&bytes, &allowed).unwrap();
        let part = &bytes[..bytes.len() * 90 / 100];
        let (decoded, _) = decode_within(part, &allowed, &MemoryBudget::unlimited()).unwrap();
        assert!(decoded.is_truncated, "{format:?}");
        assert_eq!((decoded.image.width(), decoded.image.height()), (20, 12), "{format:?}");
        // What is there: of a BMP file the last rows, of a JPEG file at least a row of its first block.
        let (found, whole) = (decoded.image.pixels(), whole.pixels());
        let rows = match format {
            ImageFormat::Bmp => whole.len() / 2..whole.len(),
            ImageFormat::Jpeg => 0..8 * 3,
            _ => 0..whole.len() / 2,
        };
        assert_eq!(found[rows.clone()], whole[rows], "{format:?}");
    }
    let jpeg = encode(&image, ImageFormat::Jpeg);
    let error = decode(&jpeg[..jpeg.len() / 2], &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().ends_with("expected marker: the file ends early"), "{error}");
}

#[test]
fn transparent_pixels_are_put_before_a_background_where_one_is_given() {
    let pixels = [[10, 20, 30, 255], [10, 20, 30, 0], [200, 100, 0, 128]];
    let rgba = image::RgbaImage::from_raw(3, 1, pixels.concat()).unwrap();
    let png = encode(&DynamicImage::ImageRgba8(rgba), ImageFormat::Png);
    assert_eq!(decoded(&png).format(), PixelFormat::Rgba);
    let options = DecodeOptions { background: Some([255, 0, 100]), ..DecodeOptions::default() };
    let composed = decode(&png, &options).unwrap();
    assert_eq!(composed.format(), PixelFormat::Rgb);
    assert_eq!(composed.pixels(), [10, 20, 30, 255, 0, 100, 227, 50, 50]);
    let gray = image::GrayAlphaImage::from_raw(2, 1, vec![40, 255, 40, 0]).unwrap();
    let png = encode(&DynamicImage::ImageLumaA8(gray), ImageFormat::Png);
    assert_eq!(decoded(&png).pixels(), [40, 40]);
    assert_eq!(decode(&png, &options).unwrap().pixels(), [40, 40, 40, 255, 0, 100]);
}

#[test]
fn a_jpeg_of_several_scans_is_taken_to_need_more() {
    let jpeg = encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::Jpeg);
    let options = lookalike_jpeg::Options::default();
    let (streamed, kept) = lookalike_jpeg::Decoder::new(&jpeg, &options).unwrap().memory(20 * 12);
    // Three components of six blocks.
    assert!(kept >= streamed + 3 * 6 * 128);
    let within = |jpeg: &[u8], bytes| {
        let limits = limited("max_decoder_bytes", bytes);
        let budget = MemoryBudget::new(bytes);
        let options = DecodeOptions { limits, ..DecodeOptions::default() };
        decode_within(jpeg, &options, &budget).map(|(decoded, _)| decoded)
    };
    let once = within(&jpeg, streamed).unwrap();
    // The scan again, behind itself.
    let scan = jpeg.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    let twice = [&jpeg[..jpeg.len() - 2], &jpeg[scan..]].concat();
    assert_eq!(within(&twice, kept).unwrap(), once);
    let error = within(&twice, kept - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
}

/// A TIFF of gray pixels: values of its tags, which are lists behind the directory where there are several.
fn tiff_of_pieces(entries: &[(u16, &[u32])], behind: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    let mut lists = Vec::new();
    let start = bytes.len() + 12 * entries.len() + 4;
    for (tag, values) in entries {
        let value = if let [value] = values { *value } else { (start + lists.len()) as u32 };
        bytes.extend([&tag.to_le_bytes()[..], &4_u16.to_le_bytes()].concat());
        bytes.extend([(values.len() as u32).to_le_bytes(), value.to_le_bytes()].concat());
        if values.len() > 1 {
            lists.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
    }
    [&bytes, &[0; 4][..], &lists, behind].concat()
}

#[test]
fn pieces_of_a_tiff_are_no_larger_than_an_image() {
    let refusal = |bytes: &[u8]| {
        let error = decode(bytes, &DecodeOptions::default()).unwrap_err().to_string();
        assert!(!error.contains("panicked"), "{error}");
        error
    };
    let size = |width: &'static u32, height: &'static u32| {
        let [width, height] = [width, height].map(std::slice::from_ref);
        [(256, width), (257, height), (258, &[8][..])]
    };
    let rest: [(u16, &[u32]); 2] = [(259, &[1]), (262, &[1])];
    // One pixel in a tile of two gigabytes.
    let tile: [(u16, &[u32]); 4] = [(322, &[1 << 31]), (323, &[1]), (324, &[8]), (325, &[64])];
    let said = refusal(&tiff_of_pieces(&[&size(&1, &1)[..], &rest, &tile].concat(), &[0; 64]));
    assert!(said.contains("strips or tiles of 2147483648x1 pixels"), "{said}");

    // All rows are the same megabyte of the file.
    let (positions, lengths) = (vec![8; 10_000], vec![1 << 20; 10_000]);
    let strips: [(u16, &[u32]); 3] = [(273, &positions), (278, &[1]), (279, &lengths)];
    let shared =
        tiff_of_pieces(&[&size(&1, &10_000)[..], &rest, &strips].concat(), &vec![0; 1 << 20]);
    assert!(refusal(&shared).contains("may share them four times"));

    // A JPEG of 20x12 pixels: where it belongs, and in place of a smaller one.
    let jpeg = encode(&DynamicImage::ImageLuma8(gradient_of_gray()), ImageFormat::Jpeg);
    let in_strip = |width: &'static u32, height: &'static u32| {
        let rest: [(u16, &[u32]); 2] = [(259, &[7]), (262, &[1])];
        let offset = [8 + 2 + 12 * 8 + 4];
        let length = [jpeg.len() as u32];
        let strip: [(u16, &[u32]); 3] =
            [(273, &offset), (278, std::slice::from_ref(height)), (279, &length)];
        tiff_of_pieces(&[&size(width, height)[..], &rest, &strip].concat(), &jpeg)
    };
    assert_eq!(decoded(&in_strip(&20, &12)).width(), 20);
    let said = refusal(&in_strip(&20, &11));
    assert!(said.contains("a strip or tile of 20x11 pixels holds a larger JPEG"), "{said}");
}

fn gradient_of_gray() -> image::GrayImage {
    DynamicImage::ImageRgb8(gradient()).into_luma8()
}

#[test]
fn chunks_of_a_webp_lie_within_it() {
    let whole = encode(&DynamicImage::ImageRgb8(gradient()), ImageFormat::WebP);
    let claim = |size: u32| {
        let header = [b"EXIF", &size.to_le_bytes()[..]].concat();
        let mut bytes = [&whole, &header[..], &[0; 4]].concat();
        let declared = bytes.len() as u32 - 8;
        bytes[4..8].copy_from_slice(&declared.to_le_bytes());
        bytes
    };
    assert_eq!(decoded(&claim(4)).pixels(), gradient().as_raw());
    let error = decode(&claim(u32::MAX - 1), &DecodeOptions::default()).unwrap_err();
    assert!(error.to_string().contains("the file ends within its chunk `EXIF`"), "{error}");
    // What lies behind the end that the file declares is not looked at.
    let mut behind = claim(u32::MAX - 1);
    behind[4..8].copy_from_slice(&whole[4..8]);
    assert_eq!(decoded(&behind).pixels(), gradient().as_raw());
}

/// A gray TIFF file of one strip, which follows its directory.
fn tiff_of_a_strip(width: u16, height: u16, compression: u16, strip: &[u8]) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let entries = [
        (256_u16, SHORT, u32::from(width)),
        (257, SHORT, u32::from(height)),
        (258, SHORT, 8),
        (259, SHORT, compression.into()),
        (262, SHORT, 1),
        (273, LONG, 8 + 2 + 9 * 12 + 4),
        (277, SHORT, 1),
        (278, SHORT, u32::from(height)),
        (279, LONG, strip.len() as u32),
    ];
    let mut file = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, kind, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(strip);
    file
}

fn plain_tiff() -> Vec<u8> {
    let pixels: Vec<u8> = (1..=240).collect();
    tiff_of_a_strip(20, 12, 1, &pixels)
}

#[test]
fn jpeg_strips_that_end_early_are_refused() {
    let gray = DynamicImage::ImageLuma8(DynamicImage::ImageRgb8(gradient()).to_luma8());
    let jpeg = encode(&gray, ImageFormat::Jpeg);
    let whole = tiff_of_a_strip(20, 12, 7, &jpeg);
    assert!(decode(&whole, &DecodeOptions::default()).is_ok());
    // Truncated, or with part of a JPEG where the directory says that it is all.
    let truncated = &whole[..whole.len() - jpeg.len() / 3];
    let part = tiff_of_a_strip(20, 12, 7, &jpeg[..jpeg.len() / 2]);
    for file in [truncated, &part] {
        let error = decode(file, &DecodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains("expected marker"), "{error}");
    }
}

#[test]
fn gray_before_a_color_is_counted() {
    let image = DynamicImage::ImageLumaA8(image::ImageBuffer::from_fn(100, 100, |x, y| {
        image::LumaA([x as u8, y as u8])
    }));
    let png = encode(&image, ImageFormat::Png);
    let options = |max_decoder_bytes, background| DecodeOptions {
        limits: Limits { max_decoder_bytes, ..Limits::default() },
        background,
        ..DecodeOptions::default()
    };
    // Two bytes a pixel, and three more where pixels are put before a color.
    assert!(decode(&png, &options(30_000, None)).is_ok());
    assert!(decode(&png, &options(30_000, Some([255, 0, 0]))).is_err());
    let red = decode(&png, &options(60_000, Some([255, 0, 0]))).unwrap();
    assert_eq!(red.pixels()[..3], [255, 0, 0]);
    let pixel = (50 * 100 + 40) * 3;
    assert_eq!(red.pixels()[pixel..pixel + 3], [213, 8, 8]);
}
