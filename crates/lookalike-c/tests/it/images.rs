//! Images: what they consist of, and what is refused.

use std::ffi::c_int;
use std::ptr;

use lookalike_mediapipe::*;

use crate::calls::{c_text, image, said};

const GRAY8: c_int = 3;
const SRGB: c_int = 1;
const SRGBA: c_int = 2;
const SRGB48: c_int = 7;
const VEC32F2: c_int = 12;

#[test]
fn images_say_what_they_are() {
    let image = image(4, 3, 3);
    assert_eq!((MpImageGetWidth(image), MpImageGetHeight(image)), (4, 3));
    assert_eq!((MpImageGetChannels(image), MpImageGetByteDepth(image)), (3, 1));
    assert_eq!((MpImageGetFormat(image), MpImageGetWidthStep(image)), (SRGB, 16));
    assert!(!MpImageIsContiguous(image) && !MpImageIsEmpty(image) && !MpImageUsesGpu(image));
    assert!(MpImageIsAligned(image, 1) && !MpImageIsAligned(image, 32));
    for odd in [0, 3, 6, u32::MAX] {
        assert!(!MpImageIsAligned(image, odd), "{odd}");
    }
    let mut data = ptr::null();
    assert_eq!(said(|error| unsafe { MpImageDataUint8(image, &mut data, error) }), None);
    assert_eq!(unsafe { std::slice::from_raw_parts(data, 36) }, (0..36).collect::<Vec<u8>>());
    MpImageFree(image);
}

#[test]
fn samples_are_found_by_their_position() {
    let image = image(4, 3, 3);
    let at = |mut position: Vec<c_int>| {
        let mut value = 255;
        let size = position.len() as c_int;
        let text = said(|error| unsafe {
            MpImageGetValueUint8(image, position.as_mut_ptr(), size, &mut value, error)
        });
        text.map_or(Ok(value), Err)
    };
    assert_eq!(at(vec![0, 0, 0]), Ok(0));
    assert_eq!(at(vec![2, 3, 2]), Ok(35));
    for outside in [[3, 0, 0], [0, 4, 0], [0, 0, 3], [-1, 0, 0], [c_int::MAX; 3]] {
        let (status, text) = at(outside.to_vec()).unwrap_err();
        assert_eq!(status, MpStatus::OutOfRange, "{outside:?}");
        assert!(text.contains("of an image of 3 rows, 4 columns and 3 channels"), "{text}");
    }
    let refused = |position| at(position).unwrap_err();
    let (status, text) = refused(vec![0; 4]);
    assert_eq!(
        (status, &*text),
        (MpStatus::InvalidArgument, "Invalid index dimension: 4 (expected 2 or 3)")
    );
    assert_eq!(refused(vec![0; 2]).1, "Invalid index dimension: 2 (expected 2 or 3)");
    assert_eq!(refused(vec![]).1, "Invalid index dimension: 0 (expected 2 or 3)");
    let gray = crate::calls::image(2, 2, 1);
    let mut value = 0;
    let read =
        |error| unsafe { MpImageGetValueUint8(gray, [1, 0].as_mut_ptr(), 2, &mut value, error) };
    assert_eq!(said(read), None);
    assert_eq!(value, 2);
    let (_, text) = said(|error| unsafe {
        MpImageGetValueFloat32(gray, [0, 0].as_mut_ptr(), 2, &mut 0.0, error)
    })
    .unwrap();
    assert_eq!(text, "Unexpected image byte depth: 1 (expected 4 for float data)");
    MpImageFree(gray);
    MpImageFree(image);
}

#[test]
fn images_of_other_samples_can_be_looked_at() {
    let words: Vec<u16> = (0..12).map(|value| value * 1000).collect();
    let mut image = ptr::null_mut();
    let made = said(|error| unsafe {
        MpImageCreateFromUint16Data(SRGB48, 2, 2, words.as_ptr(), 12, &mut image, error)
    });
    assert_eq!(made, None);
    assert_eq!((MpImageGetByteDepth(image), MpImageGetWidthStep(image)), (2, 16));
    let mut word = 0;
    let read = |error| unsafe {
        MpImageGetValueUint16(image, [1, 1, 2].as_mut_ptr(), 3, &mut word, error)
    };
    assert_eq!(said(read), None);
    assert_eq!(word, 11_000);
    let mut data = ptr::null();
    let (_, text) = said(|error| unsafe { MpImageDataUint8(image, &mut data, error) }).unwrap();
    assert_eq!(text, "Unexpected image byte depth: 2 (expected 1 for uint8_t data)");
    MpImageFree(image);
    let floats = [0.5f32, 1.5, 2.5, 3.5];
    let made = said(|error| unsafe {
        MpImageCreateFromFloatData(VEC32F2, 1, 2, floats.as_ptr(), 4, &mut image, error)
    });
    assert_eq!(made, None);
    let mut float = 0.0;
    let read = |error| unsafe {
        MpImageGetValueFloat32(image, [1, 0, 1].as_mut_ptr(), 3, &mut float, error)
    };
    assert_eq!((said(read), float), (None, 3.5));
    MpImageFree(image);
}

#[test]
fn what_is_no_image_is_refused() {
    let make = |format, width, height, count| {
        let data = [0u8; 64];
        let mut image = ptr::null_mut();
        let text = said(|error| unsafe {
            MpImageCreateFromUint8Data(
                format,
                width,
                height,
                data.as_ptr(),
                count,
                &mut image,
                error,
            )
        });
        assert_eq!(image.is_null(), text.is_some());
        MpImageFree(image);
        text.map(|(status, text)| {
            assert_eq!(status, MpStatus::InvalidArgument);
            text
        })
    };
    assert_eq!(make(SRGB, 4, 4, 64), None);
    assert_eq!(make(SRGB, 4, 4, 36).unwrap(), "Pixel data size is too small: 36 (expected 48)");
    assert_eq!(make(SRGB, 4, 4, -1).unwrap(), "Pixel data size is too small: 0 (expected 48)");
    assert!(make(SRGB, c_int::MAX, c_int::MAX, c_int::MAX).unwrap().contains("too small"));
    assert!(make(SRGB, -4, -4, 64).unwrap().contains("-4x-4"));
    assert_eq!(
        make(VEC32F2, 1, 1, 64).unwrap(),
        "Unsupported image format: VEC32F2 (expected GRAY8, SRGB, or SRGBA for uint8_t data)"
    );
    for (unknown, name) in [(0, "UNKNOWN"), (5, "5"), (-1, "-1")] {
        let text = make(unknown, 1, 1, 64).unwrap();
        assert!(text.starts_with(&format!("Unsupported image format: {name} (expected")), "{text}");
    }
}

#[test]
fn an_image_may_have_no_pixels() {
    for (width, height) in [(0, 0), (0, 4), (4, 0)] {
        let mut image = ptr::null_mut();
        let made = said(|error| unsafe {
            MpImageCreateFromUint8Data(GRAY8, width, height, ptr::null(), 0, &mut image, error)
        });
        assert_eq!(made, None);
        assert!(!MpImageIsEmpty(image));
        assert_eq!((MpImageGetWidth(image), MpImageGetHeight(image)), (width, height));
        let mut data = ptr::null();
        assert_eq!(said(|error| unsafe { MpImageDataUint8(image, &mut data, error) }), None);
        assert!(!data.is_null());
        assert!(MpImageIsAligned(image, 1));
        MpImageFree(image);
    }
}

#[test]
fn handles_share_pixels_and_end_one_by_one() {
    let first = image(4, 3, 3);
    let mut second = ptr::null_mut();
    let made = said(|error| unsafe { MpImageCreateFromImageFrame(first, &mut second, error) });
    assert_eq!(made, None);
    assert_ne!(first, second);
    let data = |image| {
        let mut data = ptr::null();
        said(|error| unsafe { MpImageDataUint8(image, &mut data, error) }).map_or(Ok(data), Err)
    };
    assert_eq!(data(first), data(second));
    MpImageFree(first);
    MpImageFree(first);
    assert!(data(second).is_ok());
    let (status, text) = data(first).unwrap_err();
    assert_eq!(status, MpStatus::InvalidArgument);
    assert!(text.contains("this is no handle of an image, or one that was closed"), "{text}");
    let nowhere = ptr::without_provenance_mut(0xdead_beef);
    assert_eq!((MpImageGetWidth(first), MpImageGetHeight(nowhere)), (0, 0));
    assert_eq!((MpImageGetChannels(first), MpImageGetByteDepth(nowhere)), (0, 0));
    assert_eq!((MpImageGetWidthStep(first), MpImageGetFormat(nowhere)), (0, 0));
    assert!(MpImageIsEmpty(first) && !MpImageIsContiguous(nowhere) && !MpImageIsAligned(first, 1));
    MpImageFree(second);
    MpImageFree(ptr::null_mut());
}

#[test]
fn files_are_read_and_rotated() {
    let read = |path: &str| {
        let mut image = ptr::null_mut();
        let text = said(|error| unsafe {
            MpImageCreateFromFile(c_text(path).as_ptr(), &mut image, error)
        });
        text.map_or_else(
            || {
                let extents = (MpImageGetWidth(image), MpImageGetHeight(image));
                let format = MpImageGetFormat(image);
                MpImageFree(image);
                Ok((extents, format))
            },
            Err,
        )
    };
    let fixture = |name: &str| format!("../../models/fixtures/{name}");
    assert_eq!(read(&fixture("landscape.png")), Ok(((240, 160), SRGB)));
    assert_eq!(read(&fixture("tiny_grey.png")).unwrap().1, GRAY8);
    assert_eq!(read(&fixture("tiny_rgba.png")).unwrap().1, SRGBA);
    assert_eq!(read(&fixture("tiny.webp")).unwrap().0, (24, 16));
    for number in 1..=8 {
        let extents = if number < 5 { (24, 16) } else { (16, 24) };
        assert_eq!(read(&fixture(&format!("tiny_exif_{number}.jpg"))), Ok((extents, SRGB)));
    }
    assert_eq!(
        read("/nope.jpg").unwrap_err(),
        (MpStatus::NotFound, "Can't find file: /nope.jpg".to_owned())
    );
    assert_eq!(
        read("src").unwrap_err(),
        (MpStatus::Unknown, "Error while reading file: src".to_owned())
    );
    let (status, text) = read("Cargo.toml").unwrap_err();
    assert_eq!(status, MpStatus::Internal);
    assert!(text.starts_with("Failed to load image from file: "), "{text}");
}
