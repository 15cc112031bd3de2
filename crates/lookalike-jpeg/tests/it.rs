//! What the decoder says of files, and what it refuses.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use lookalike_jpeg::{Decoder, ErrorKind, Options};

fn golden(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

fn decoder<'f>(file: &'f [u8], options: &Options) -> Decoder<'f> {
    Decoder::new(file, options).unwrap()
}

fn all(extent: usize) -> Vec<u32> {
    (0..extent as u32).collect()
}

const BASELINE: &str = "s2x2_40x27_q92.jpg";
const PROGRESSIVE: &str = "s2x2_40x27-progressive_q75.jpg";
const GRAY: &str = "grey_24x24.jpg";

/// The pixels of rows and columns.
fn pixels_at(pixels: &[u8], width: usize, rows: &[u32], columns: &[u32]) -> Vec<u8> {
    let (pixels, _) = pixels.as_chunks::<3>();
    let pixel = |&row: &u32, &column: &u32| pixels[row as usize * width + column as usize];
    rows.iter().flat_map(|row| columns.iter().flat_map(move |column| pixel(row, column))).collect()
}

/// A segment with its length.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xFF, marker], &length[..], content].concat()
}

/// Puts segments behind the first marker of a file.
fn with_segments(file: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    [&file[..2], &segments.concat(), &file[2..]].concat()
}

#[test]
fn headers_are_described() {
    let file = golden(BASELINE);
    let decoder = decoder(&file, &Options::default());
    let info = decoder.info();
    assert_eq!((info.width, info.height, info.channels), (40, 27, 3));
    assert_eq!(info.sampling, [(2, 2), (1, 1), (1, 1)]);
    assert_eq!((info.is_progressive, info.restart_interval, info.exif), (false, 0, None));
    let file = golden(PROGRESSIVE);
    assert!(self::decoder(&file, &Options::default()).info().is_progressive);
    let file = golden(GRAY);
    assert_eq!(self::decoder(&file, &Options::default()).info().channels, 1);
}

#[test]
fn the_first_exif_block_is_handed_out() {
    let app1 = |content: &[u8]| segment(0xE1, content);
    let file = with_segments(
        &golden(BASELINE),
        &[
            app1(b"http://ns.adobe.com/xap/1.0/\0x"),
            app1(b"Exif\0\0first"),
            app1(b"Exif\0\0second"),
        ],
    );
    assert_eq!(decoder(&file, &Options::default()).info().exif, Some(&b"first"[..]));
}

#[test]
fn memory_is_what_pixels_planes_and_coefficients_take() {
    const TABLES: u64 = 1 << 18;
    let file = golden(BASELINE);
    // Three by two MCUs of 16 x 16 pixels: all rows of samples are kept, twelve bytes of lists for each row and column, and blocks of 128
    // bytes where another scan may follow.
    let blocks = 6 * 4 + 2 * 6;
    let streamed = 100 * 3 + 64 * blocks + (40 + 27) * 12 + TABLES;
    let memory = decoder(&file, &Options::default()).memory(100);
    assert_eq!(memory, (streamed, streamed + 128 * blocks));
    let file = golden(PROGRESSIVE);
    assert_eq!(decoder(&file, &Options::default()).memory(100), (memory.1, memory.1));
    let file = golden(GRAY);
    let streamed = 100 + (24 * 16) + (24 + 24) * 12 + TABLES;
    assert_eq!(decoder(&file, &Options::default()).memory(100).0, streamed);
}

#[test]
fn no_more_memory_is_taken_than_allowed() {
    for name in [BASELINE, PROGRESSIVE, GRAY] {
        let file = golden(name);
        let mut decoder = decoder(&file, &Options::default());
        let pixels = decoder.info().width * decoder.info().height;
        let (needed, _) = decoder.memory(pixels as u64);
        decoder.set_max_bytes(needed);
        assert!(decoder.decode().is_ok(), "{name}");
        decoder.set_max_bytes(needed - 1);
        let error = decoder.decode().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit, "{name}");
        assert!(error.to_string().contains(&format!("needs {needed} bytes")), "{error}");
        // A pixel needs less.
        assert!(decoder.decode_at(&[0], &[0]).is_ok(), "{name}");
    }
    assert_eq!(Options::default().max_bytes, 1 << 30);
}

#[test]
fn blocks_are_counted_that_pixels_depend_on() {
    let file = golden(BASELINE);
    let decoder = decoder(&file, &Options::default());
    // Blocks that only fill up the last MCUs are not needed.
    assert_eq!(decoder.blocks_at(&all(27), &all(40)).unwrap(), (32, 36));
    assert_eq!(decoder.blocks_at(&[], &[]).unwrap(), (0, 36));
    // One of each component; beside the edge of a chroma block also its neighbor, in either direction.
    assert_eq!(decoder.blocks_at(&[0], &[0]).unwrap(), (3, 36));
    assert_eq!(decoder.blocks_at(&[0], &[15]).unwrap(), (1 + 2 * 2, 36));
    assert_eq!(decoder.blocks_at(&[15], &[0]).unwrap(), (1 + 2 * 2, 36));
    assert_eq!(decoder.blocks_at(&[16], &[16]).unwrap(), (1 + 2 * 4, 36));
    assert_eq!(decoder.blocks_at(&[17], &[17]).unwrap(), (3, 36));
    // The last samples have no neighbor behind them.
    assert_eq!(decoder.blocks_at(&[26], &[39]).unwrap(), (3, 36));
}

#[test]
fn rows_and_columns_must_ascend_within_the_image() {
    let file = golden(BASELINE);
    let decoder = decoder(&file, &Options::default());
    for (rows, columns) in [
        (&[3, 2][..], &[1][..]),
        (&[2, 2], &[1]),
        (&[27], &[1]),
        (&[0], &[3, 2]),
        (&[0], &[2, 2]),
        (&[0], &[40]),
    ] {
        for error in [
            decoder.decode_at(rows, columns).unwrap_err(),
            decoder.blocks_at(rows, columns).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("rows and columns have to ascend"), "{error}");
        }
    }
    assert!(decoder.decode_at(&[26], &[39]).is_ok());
}

#[test]
fn scans_are_limited() {
    let file = golden(PROGRESSIVE);
    let with = |max_scans| decoder(&file, &Options { max_scans, ..Options::default() }).decode();
    let scans = file.windows(2).filter(|pair| pair == b"\xFF\xDA").count();
    assert!(scans > 2);
    assert!(with(scans).is_ok());
    let error = with(scans - 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("max_scans"), "{error}");
    assert_eq!(Options::default().max_scans, 128);
}

#[test]
fn files_that_end_early_give_what_is_there_if_allowed() {
    let whole = golden(BASELINE);
    let pixels = decoder(&whole, &Options::default()).decode().unwrap();
    assert!(!pixels.is_truncated);
    for percent in [75, 90, 97] {
        let part = &whole[..whole.len() * percent / 100];
        let error = decoder(part, &Options::default()).decode().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{percent} %");
        let options = Options { allow_truncated: true, ..Options::default() };
        let found = decoder(part, &options).decode().unwrap();
        assert!(found.is_truncated);
        assert_eq!(found.pixels.len(), pixels.pixels.len());
        // The first MCU, but for what the next ones are mixed into; and gray at the end.
        for row in 0..14 {
            let row = row * 40 * 3;
            assert_eq!(found.pixels[row..row + 14 * 3], pixels.pixels[row..row + 14 * 3]);
        }
        assert_ne!(found.pixels, pixels.pixels, "{percent} %");
        if percent < 97 {
            assert!(found.pixels.ends_with(&[128; 3 * 8]), "{percent} %");
        }
        // Pixels of a grid are the same, whether blocks before them are passed over or not.
        let (rows, columns) = ([0, 13, 26], [1, 20, 39]);
        let part = decoder(part, &options).decode_at(&rows, &columns).unwrap();
        assert!(part.is_truncated);
        assert_eq!(part.pixels, pixels_at(&found.pixels, 40, &rows, &columns));
    }
    // Without the last marker alone, all pixels are there.
    let options = Options { allow_truncated: true, ..Options::default() };
    let found = decoder(&whole[..whole.len() - 2], &options).decode().unwrap();
    assert_eq!(found.pixels, pixels.pixels);
    assert!(found.is_truncated);
    let error = decoder(&whole[..whole.len() - 2], &Options::default()).decode().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Truncated);
}

#[test]
fn files_of_other_kinds_are_told_from_damaged_ones() {
    let kind = |file: &[u8]| {
        Decoder::new(file, &Options::default())
            .and_then(|decoder| decoder.decode())
            .map_err(|error| (error.kind(), error.to_string()))
            .unwrap_err()
    };
    let file = golden(BASELINE);
    let start = file.windows(2).position(|pair| pair == b"\xFF\xC0").unwrap();
    let with_marker = |marker: u8| {
        let mut file = file.clone();
        file[start + 1] = marker;
        file
    };
    // Lossless, hierarchical, arithmetic.
    for marker in [0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF] {
        let (kind, text) = kind(&with_marker(marker));
        assert_eq!(kind, ErrorKind::Unsupported, "{marker:x}: {text}");
    }
    let with_byte = |offset: usize, byte: u8| {
        let mut file = file.clone();
        file[start + offset] = byte;
        file
    };
    assert_eq!(kind(&with_byte(4, 12)).0, ErrorKind::Unsupported);
    for (offset, byte, text) in [
        (4, 9, "only 8-bit"),
        (9, 2, "bad component count"),
        (11, 0x02, "bad H"),
        (11, 0x52, "bad H"),
        (11, 0x20, "bad V"),
        (11, 0x25, "bad V"),
        (12, 4, "bad TQ"),
    ] {
        let found = kind(&with_byte(offset, byte));
        assert_eq!(found, (ErrorKind::Invalid, text.to_owned()), "{offset} {byte}");
    }
    let mut no_rows = file.clone();
    no_rows[start + 5..start + 7].fill(0);
    assert_eq!(kind(&no_rows).1, "no header height");
    let mut no_columns = file.clone();
    no_columns[start + 7..start + 9].fill(0);
    assert_eq!(kind(&no_columns).1, "0 width");
    assert_eq!(kind(b"").0, ErrorKind::Invalid);
    assert_eq!(kind(b"\x89PNG").0, ErrorKind::Invalid);
}

#[test]
fn differences_have_no_run() {
    let mut file = golden(BASELINE);
    // The first Huffman table is that of DC coefficients: a byte of what it is for, sixteen numbers of codes, symbols.
    let start = file.windows(2).position(|pair| pair == b"\xFF\xC4").unwrap() + 4;
    assert_eq!(file[start], 0);
    let count = file[start + 1..start + 17].iter().map(|&count| usize::from(count)).sum::<usize>();
    file[start + 17..start + 17 + count].iter_mut().for_each(|symbol| *symbol |= 0x10);
    let error = decoder(&file, &Options::default()).decode().unwrap_err();
    assert_eq!(error.to_string(), "bad huffman code");
}

#[test]
fn portable_kernels_give_the_same_pixels_of_parts() {
    for name in [BASELINE, PROGRESSIVE, GRAY, "cmyk_45x31.jpg", "s4x2_40x27_q30.jpg"] {
        let file = golden(name);
        let rows = [0, 1, 7, 8, 15];
        let columns = [0, 2, 7, 8, 9, 21];
        let of = |portable| {
            let decoder = decoder(&file, &Options { portable, ..Options::default() });
            decoder.decode_at(&rows, &columns).unwrap().pixels
        };
        assert_eq!(of(true), of(false), "{name}");
    }
}

/// The same coefficients, coded in one scan or in several, with restart markers or without.
#[test]
fn baseline_files_of_several_scans_have_the_same_pixels() {
    for (one, several) in [
        ("one_scan_420.jpg", "three_scans_420.jpg"),
        ("one_scan_422.jpg", "two_scans_422_restarts.jpg"),
    ] {
        let (one, several) = (golden(one), golden(several));
        let (one, several) =
            (decoder(&one, &Options::default()), decoder(&several, &Options::default()));
        let expected = one.decode().unwrap();
        assert_eq!(several.decode().unwrap(), expected);
        let part = one.decode_at(&[1, 20], &[0, 17, 39]).unwrap();
        assert_eq!(several.decode_at(&[1, 20], &[0, 17, 39]).unwrap(), part);
        assert_eq!(several.memory(1).0, several.memory(1).1);
    }
    // Cut within the last scan: the others are there.
    let file = golden("three_scans_420.jpg");
    let part = &file[..file.len() - 30];
    assert_eq!(
        decoder(part, &Options::default()).decode().unwrap_err().kind(),
        ErrorKind::Truncated
    );
    let options = Options { allow_truncated: true, ..Options::default() };
    let found = decoder(part, &options).decode().unwrap();
    let whole = decoder(&file, &Options::default()).decode().unwrap();
    assert!(found.is_truncated && !whole.is_truncated);
    // The first pixels have all components.
    assert_eq!(found.pixels[..3 * 14], whole.pixels[..3 * 14]);
}

/// Why a file is refused; empty if it is not.
fn refusal(file: &[u8]) -> String {
    let decoded = Decoder::new(file, &Options::default()).and_then(|decoder| decoder.decode());
    decoded.err().map(|error| error.to_string()).unwrap_or_default()
}

/// Offset of the first segment of a kind.
fn offset_of(file: &[u8], marker: u8) -> usize {
    file.windows(2).position(|pair| pair == [0xFF, marker]).unwrap()
}

#[test]
fn scans_name_what_there_is() {
    let file = golden(BASELINE);
    let scan = offset_of(&file, 0xDA);
    // A count, an identifier and tables for each of three components, and three bytes of the spectrum.
    let first = file[scan + 5];
    for (offset, byte, text) in [
        (4, 0, "bad SOS component count"),
        (4, 4, "bad SOS component count"),
        (4, 2, "bad SOS len"),
        (5, 99, "a scan names a component that is not in the frame"),
        (7, first, "a scan names a component twice"),
        (6, 0x40, "bad DC huff"),
        (6, 0x04, "bad AC huff"),
        (11, 1, "bad SOS"),
        (13, 0x10, "bad SOS"),
        (13, 0x01, "bad SOS"),
    ] {
        let mut file = file.clone();
        file[scan + offset] = byte;
        assert_eq!(refusal(&file), text, "{offset} {byte}");
    }
    // The last table may be named, and is not there.
    for tables in [0x30, 0x03] {
        let mut file = file.clone();
        file[scan + 6] = tables;
        let text = refusal(&file);
        assert!(!text.is_empty() && !text.ends_with("huff"), "{text}");
    }
}

#[test]
fn progressive_scans_code_what_there_is() {
    let file = golden(PROGRESSIVE);
    let scan = offset_of(&file, 0xDA);
    let spectrum = scan + 5 + 2 * usize::from(file[scan + 4]);
    let with = |start: u8, end: u8, shifts: u8| {
        let mut file = file.clone();
        file[spectrum..spectrum + 3].copy_from_slice(&[start, end, shifts]);
        refusal(&file)
    };
    for (start, end, shifts) in [
        (64, 64, 0),
        (64, 63, 0),
        (1, 64, 0),
        (2, 1, 0),
        (1, 1, 0xE0),
        (1, 1, 0x0E),
        (0, 0, 0xE0),
        (0, 0, 0x0E),
    ] {
        assert_eq!(with(start, end, shifts), "bad SOS", "{start} {end} {shifts:x}");
    }
    // Coefficients of both kinds, and AC coefficients of several components, are not coded together.
    for (start, end) in [(0, 1), (0, 63), (1, 63), (63, 63)] {
        assert_eq!(with(start, end, 0), "can't merge dc and ac");
    }
    for (start, end, shifts) in [(0, 0, 0x0D), (0, 0, 0xDD), (63, 63, 0), (1, 63, 0)] {
        assert_ne!(with(start, end, shifts), "bad SOS", "{start} {end} {shifts:x}");
    }
}

/// A Huffman table with so many codes of each length, all for the same symbol.
fn huffman(counts: [u8; 16]) -> Vec<u8> {
    let symbols = counts.iter().map(|&count| usize::from(count)).sum();
    segment(0xC4, &[&[0x13], &counts[..], &vec![1; symbols]].concat())
}

#[test]
fn codes_are_as_many_as_there_can_be() {
    let with = |counts: &[(usize, u8)]| {
        let mut all = [0; 16];
        counts.iter().for_each(|&(length, count)| all[length - 1] = count);
        refusal(&with_segments(&golden(BASELINE), &[huffman(all)]))
    };
    // As many as there are, one more, and a code of 2 bits behind those of 1 bit.
    assert_eq!(with(&[(1, 2)]), "");
    assert_eq!(with(&[(2, 4)]), "");
    assert_eq!(with(&[(1, 3)]), "bad code lengths");
    assert_eq!(with(&[(1, 2), (2, 1)]), "bad code lengths");
    assert_eq!(with(&[(2, 5)]), "bad code lengths");
    let almost_all: Vec<(usize, u8)> = (1..16).map(|length| (length, 1)).collect();
    assert_eq!(with(&[&almost_all[..], &[(16, 2)]].concat()), "");
    assert_eq!(with(&[&almost_all[..], &[(16, 3)]].concat()), "bad code lengths");
    // A byte has 256 values.
    assert_eq!(with(&[(9, 255), (10, 1)]), "");
    assert_eq!(with(&[(9, 255), (10, 2)]), "bad code lengths");
    let truncated = segment(0xC4, &[&[0x13], &[0; 15][..]].concat());
    assert_eq!(refusal(&with_segments(&golden(BASELINE), &[truncated])), "bad DHT header");
    let no_table = segment(0xC4, &[&[0x23], &[0; 16][..]].concat());
    assert_eq!(refusal(&with_segments(&golden(BASELINE), &[no_table])), "bad DHT header");
}

#[test]
fn segments_stand_where_they_may() {
    let file = golden(BASELINE);
    let frame = offset_of(&file, 0xC0);
    let scan = offset_of(&file, 0xDA);
    let insert = |offset: usize, bytes: &[u8]| [&file[..offset], bytes, &file[offset..]].concat();
    // Before the frame there may be anything between segments; behind it nothing.
    assert_eq!(refusal(&insert(frame, b"junk")), "");
    assert_eq!(refusal(&insert(scan, b"junk")), "expected marker");
    // A second frame is none, of whatever kind.
    for marker in [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCF] {
        let mut second = file[frame..frame + 2 + 17].to_vec();
        second[1] = marker;
        assert_eq!(refusal(&insert(scan, &second)), "unknown marker", "{marker:x}");
    }
    // Neither an end, nor a scan, nor a number of lines comes before the frame.
    for second in [&b"\xFF\xD9"[..], &segment(0xDC, &[0, 27]), &file[scan..scan + 14]] {
        assert_eq!(refusal(&insert(frame, second)), "unknown marker", "{second:x?}");
    }
    // A comment, a marker in it included, is passed over.
    assert_eq!(refusal(&insert(frame, &segment(0xFE, b"\xFF\xD9"))), "");
    assert_eq!(refusal(&insert(scan, &segment(0xFE, b""))), "");
    // The number of lines may come behind the scan, and be the one that is known.
    let end = file.len() - 2;
    assert_eq!(refusal(&insert(end, &segment(0xDC, &[0, 27]))), "");
    assert_eq!(refusal(&insert(end, &segment(0xDC, &[0, 28]))), "bad DNL height");
    assert_eq!(refusal(&insert(end, &segment(0xDC, &[27]))), "bad DNL len");
    assert_eq!(refusal(&insert(scan, &segment(0xDD, &[0]))), "bad DRI len");
}

#[test]
fn sampling_factors_divide_the_largest() {
    let file = golden(BASELINE);
    let frame = offset_of(&file, 0xC0);
    let with = |luma: u8, chroma: u8| {
        let mut file = file.clone();
        (file[frame + 11], file[frame + 14], file[frame + 17]) = (luma, chroma, chroma);
        refusal(&file)
    };
    for (luma, chroma) in [(0x31, 0x21), (0x13, 0x12), (0x33, 0x21), (0x33, 0x12), (0x43, 0x42)] {
        let text = with(luma, chroma);
        assert!(text.contains("sampling factors"), "{luma:x} {chroma:x}: {text}");
    }
    for (luma, chroma) in [(0x42, 0x21), (0x24, 0x12), (0x33, 0x11)] {
        let text = with(luma, chroma);
        assert!(!text.contains("sampling factors"), "{luma:x} {chroma:x}: {text}");
    }
    // The last quantization table may be named, and is not there.
    let mut last_table = file.clone();
    last_table[frame + 12] = 3;
    assert_ne!(refusal(&last_table), "bad TQ");
}

#[test]
fn adobe_and_jfif_say_what_colors_are() {
    let file = golden(BASELINE);
    let pixels = |file: &[u8]| decoder(file, &Options::default()).decode().unwrap().pixels;
    let adobe =
        |transform: u8| segment(0xEE, &[b"Adobe\0", &[100, 0, 0, 0, 0, transform][..]].concat());
    let jfif = offset_of(&file, 0xE0);
    assert_eq!(file[jfif + 4..jfif + 9], *b"JFIF\0");
    let mut no_jfif = file.clone();
    no_jfif[jfif + 4] = b'X';
    let ycbcr = pixels(&file);
    // JFIF has YCbCr, whatever Adobe's segment says; without it, Adobe's says it.
    assert_eq!(pixels(&with_segments(&file, &[adobe(0)])), ycbcr);
    assert_eq!(pixels(&no_jfif), ycbcr);
    assert_eq!(pixels(&with_segments(&no_jfif, &[adobe(1)])), ycbcr);
    let rgb = pixels(&with_segments(&no_jfif, &[adobe(0)]));
    assert_ne!(rgb, ycbcr);
    // A segment of another name says nothing.
    let mut other = adobe(0);
    other[4] = b'a';
    assert_eq!(pixels(&with_segments(&no_jfif, &[other])), ycbcr);
    // Identifiers that spell RGB count, too.
    let mut named = file;
    let (frame, scan) = (offset_of(&named, 0xC0), offset_of(&named, 0xDA));
    for (index, id) in b"RGB".iter().enumerate() {
        named[frame + 10 + 3 * index] = *id;
        named[scan + 5 + 2 * index] = *id;
    }
    assert_eq!(pixels(&named), rgb);
}

#[test]
fn four_components_are_what_adobe_says() {
    let file = golden("cmyk_45x31.jpg");
    let pixels = |file: &[u8]| decoder(file, &Options::default()).decode().unwrap().pixels;
    let transform = offset_of(&file, 0xEE) + 4 + 11;
    let with = |value: u8| {
        let mut file = file.clone();
        file[transform] = value;
        pixels(&file)
    };
    let (cmyk, ycck, other) = (with(0), with(2), with(1));
    assert_ne!(cmyk, ycck);
    assert_ne!(cmyk, other);
    // The file has no black: colors are what is left of white.
    assert!(ycck.iter().zip(&other).all(|(&ycck, &other)| ycck == 255 - other));
    for (&[y, _, cr], &[red, ..]) in cmyk.as_chunks::<3>().0.iter().zip(other.as_chunks::<3>().0) {
        let expected = (f64::from(y) + 1.402 * (f64::from(cr) - 128.0)).clamp(0.0, 255.0);
        assert!((f64::from(red) - expected).abs() < 2.0, "{red} for {expected}");
    }
    // With an unknown transform, or none, the fourth component is dropped.
    let mut no_adobe = file.clone();
    no_adobe[transform - 11] = b'a';
    assert_eq!(pixels(&no_adobe), other);
}

#[test]
fn damage_is_refused_even_where_truncation_is_allowed() {
    let mut file = golden(BASELINE);
    let options = Options { allow_truncated: true, ..Options::default() };
    // A Huffman table of one code for AC coefficients: what does not begin with it is no code.
    let tables = offset_of(&file, 0xDA);
    let only = segment(0xC4, &[&[0x10], &[0, 1][..], &[0; 14], &[0x00]].concat());
    file.splice(tables..tables, only);
    let error = decoder(&file, &options).decode().unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Invalid, "bad huffman code")
    );
}

#[test]
fn columns_far_from_the_first_are_decoded_alone() {
    for name in ["s2x2_63x50_q100.jpg", "s1x1_63x50_q75.jpg", "s2x1_63x50_q5.jpg"] {
        let file = golden(name);
        let whole = decoder(&file, &Options::default()).decode().unwrap().pixels;
        let (rows, columns) = ([5, 40], [33, 34, 61]);
        let part = decoder(&file, &Options::default()).decode_at(&rows, &columns).unwrap();
        assert_eq!(part.pixels, pixels_at(&whole, 63, &rows, &columns), "{name}");
    }
}

/// Blocks that are coded by no data at all cost time all the same: each may be so twice.
#[test]
fn scans_without_data_are_limited() {
    for name in [BASELINE, PROGRESSIVE] {
        let file = golden(name);
        let scan = offset_of(&file, 0xDA);
        let header = &file[scan..scan + 14];
        let with =
            |scans: usize| refusal(&[&file[..scan], &header.repeat(scans), b"\xFF\xD9"].concat());
        assert_eq!(with(2), "", "{name}");
        assert!(with(3).contains("far less data"), "{name}: {}", with(3));
    }
}
