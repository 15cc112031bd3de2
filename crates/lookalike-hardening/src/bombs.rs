//! Images that promise much more than they are.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Names and contents.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("huge.png", png(100_000, 100_000, &[])),
        ("huge_text.png", png(8, 8, &[(b"zTXt", text_bomb())])),
        ("huge_profile.png", png(8, 8, &[(b"iCCP", text_bomb())])),
        ("huge_data.png", png(8, 8, &[(b"IDAT", deflated(256 << 20))])),
        ("huge.bmp", bmp(100_000, 100_000)),
        ("negative.bmp", bmp(i32::MIN, i32::MIN)),
        ("huge.gif", gif(u16::MAX, 1)),
        ("animation.gif", gif(64, 50_000)),
        ("huge.pgm", b"P5 100000 100000 255\n".to_vec()),
        ("endless.pgm", [b"P5 ", vec![b'1'; 1 << 20].as_slice(), b" 1 255\n"].concat()),
        ("huge.jpg", jpeg(65_500, 65_500)),
        ("many_segments.jpg", jpeg_segments(20_000)),
        ("huge.webp", webp(16_383, 16_383)),
        ("huge.tif", tiff(100_000, 100_000, 8)),
        ("loop.tif", tiff(8, 8, 8).into_iter().chain(*b"behind").collect()),
        ("chain.tif", tiff_chain(50_000)),
        ("wide_entries.tif", tiff_counts(u32::MAX)),
        ("wide_tile.tif", tiff_tile(u32::MAX)),
        ("claiming.webp", [webp(8, 8), [b"EXIF", &[0xff; 4][..]].concat()].concat()),
    ]
}

fn deflated(zeros: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let block = vec![0; 1 << 20];
    for _ in 0..zeros >> 20 {
        // Writing into a vector does not fail.
        encoder.write_all(&block).ok();
    }
    encoder.finish().unwrap_or_default()
}

/// A keyword, the method, and a text that is 256 MiB long when it is unpacked.
fn text_bomb() -> Vec<u8> {
    [b"bomb\0\0".as_slice(), &deflated(256 << 20)].concat()
}

fn png(width: u32, height: u32, chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        bytes.extend((data.len() as u32).to_be_bytes());
        let start = bytes.len();
        bytes.extend(name);
        bytes.extend(data);
        let sum = crc32fast::hash(&bytes[start..]);
        bytes.extend(sum.to_be_bytes());
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    chunk(b"IHDR", &header);
    for (name, data) in chunks {
        chunk(name, data);
    }
    if chunks.iter().all(|(name, _)| *name != b"IDAT") {
        chunk(b"IDAT", &deflated(1 << 20));
    }
    chunk(b"IEND", &[]);
    bytes
}

fn bmp(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.resize(70, 0);
    bytes
}

/// As many frames of one pixel on a canvas of this side.
fn gif(side: u16, frames: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    bytes.extend(side.to_le_bytes());
    bytes.extend(side.to_le_bytes());
    bytes.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    for _ in 0..frames {
        bytes.extend([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
    }
    bytes.push(0x3b);
    bytes
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xc2\0\x11\x08".to_vec();
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([3, 1, 0x44, 0, 2, 0x44, 0, 3, 0x44, 0, 0xff, 0xd9]);
    bytes
}

/// EXIF segments without end, each of which points at itself.
fn jpeg_segments(count: usize) -> Vec<u8> {
    let mut bytes = b"\xff\xd8".to_vec();
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\x08\0\0\0\x08\0\0\0";
    for _ in 0..count {
        bytes.extend([0xff, 0xe1]);
        bytes.extend((exif.len() as u16 + 2).to_be_bytes());
        bytes.extend(exif);
    }
    bytes
}

fn webp(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"RIFF\x26\0\0\0WEBPVP8L\x12\0\0\0\x2f".to_vec();
    bytes.extend(((width - 1) | (height - 1) << 14).to_le_bytes());
    bytes.resize(38, 0);
    bytes
}

fn tiff_entry(tag: u16, count: u32, value: u32) -> Vec<u8> {
    [&tag.to_le_bytes()[..], &4u16.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()]
        .concat()
}

/// A gray image whose directory is followed by the one at an offset: its own is at 8.
fn tiff(width: u32, height: u32, next: u32) -> Vec<u8> {
    let entries = [
        tiff_entry(256, 1, width),
        tiff_entry(257, 1, height),
        tiff_entry(258, 1, 8),
        tiff_entry(259, 1, 1),
        tiff_entry(262, 1, 1),
        tiff_entry(273, 1, 8),
        tiff_entry(278, 1, height),
        tiff_entry(279, 1, 64),
    ];
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend(entries.concat());
    bytes.extend(next.to_le_bytes());
    bytes
}

/// A pixel of red, green, blue and something else in a tile of this width.
fn tiff_tile(width: u32) -> Vec<u8> {
    let entries = [
        tiff_entry(256, 1, 1),
        tiff_entry(257, 1, 1),
        tiff_entry(258, 1, 8),
        tiff_entry(259, 1, 1),
        tiff_entry(262, 1, 2),
        tiff_entry(277, 1, 4),
        tiff_entry(322, 1, width),
        tiff_entry(323, 1, 1),
        tiff_entry(324, 1, 8),
        tiff_entry(325, 1, 64),
        tiff_entry(338, 1, 0),
    ];
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend(entries.concat());
    bytes.extend([0; 4]);
    bytes
}

/// Empty directories, each followed by the next.
fn tiff_chain(count: u32) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    for index in 0..count {
        bytes.extend([0, 0]);
        bytes.extend((8 + 6 * (index + 1)).to_le_bytes());
    }
    bytes
}

/// Entries that claim to have as many values.
fn tiff_counts(count: u32) -> Vec<u8> {
    let mut bytes = tiff(8, 8, 0);
    for entry in 0..8 {
        let position = 10 + 12 * entry + 4;
        bytes[position..position + 4].copy_from_slice(&count.to_le_bytes());
    }
    bytes
}
