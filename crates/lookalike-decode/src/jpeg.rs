//! The outline of a JPEG file: its markers, without the entropy-coded data between them.

/// What the markers of a file say.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Outline {
    /// Most components of a frame: 1, 3 or 4 in files that can be decoded; 3 if there is no frame.
    pub(crate) components: u64,
    /// Whether the bytes end before the marker that ends an image, which every whole file has.
    pub(crate) is_truncated: bool,
}

const END_OF_IMAGE: u8 = 0xD9;

/// Walks from marker to marker, up to the end of the image.
pub(crate) fn outline(bytes: &[u8]) -> Outline {
    let mut outline = Outline { components: 3, is_truncated: true };
    // Behind the marker that starts an image.
    let mut position = 2;
    while let Some(offset) = bytes.get(position..).and_then(next_marker) {
        let marker = bytes[position + offset];
        position += offset + 1;
        match marker {
            END_OF_IMAGE => {
                outline.is_truncated = false;
                break;
            }
            // Start of image, restarts and TEM have no segment.
            0x01 | 0xD0..=0xD8 => {}
            _ => {
                let Some(&[high, low]) =
                    bytes.get(position..position + 2).and_then(|length| length.first_chunk())
                else {
                    break;
                };
                let is_frame =
                    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC);
                if let (true, Some(&components)) = (is_frame, bytes.get(position + 7)) {
                    outline.components = outline.components.max(components.into());
                }
                position += usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
    outline
}

/// Where the code of the next marker is. Entropy-coded data has 0xFF only before 0, and fill bytes are 0xFF as well.
fn next_marker(bytes: &[u8]) -> Option<usize> {
    let mut position = 0;
    loop {
        position += bytes.get(position..)?.iter().position(|&byte| byte == 0xFF)? + 1;
        match bytes.get(position)? {
            0x00 | 0xFF => {}
            _ => return Some(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = &[
        0xFF, 0xD8, // start of image
        0xFF, 0xE0, 0, 4, 0xFF, 0xD9, // an application segment that looks like an end
        0xFF, 0xC2, 0, 11, 8, 0, 1, 0, 1, 4, 0, 0,
        0, // a progressive frame of four components
        0xFF, 0xFF, 0xDA, 0, 2, // a scan, after a fill byte
        1, 0xFF, 0, 0xFF, 0xD0, 2, // entropy-coded data with a restart
        0xFF, 0xD9, // end of image
    ];

    #[test]
    fn a_whole_file_reaches_the_end_of_its_image() {
        assert_eq!(outline(WHOLE), Outline { components: 4, is_truncated: false });
        let with_trailer = [WHOLE, b"anything"].concat();
        assert!(!outline(&with_trailer).is_truncated);
    }

    #[test]
    fn every_part_of_a_file_ends_early() {
        for length in 0..WHOLE.len() {
            assert!(outline(&WHOLE[..length]).is_truncated, "{length}");
        }
    }
}
