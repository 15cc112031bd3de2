//! What a call comes back with: a status, and a text if it failed.

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

use lookalike::{Error, ErrorKind, contain_panics};

/// Outcome of a call; the numbers are MediaPipe's.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the names are the reference's own and say it all")]
pub enum MpStatus {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: MpStatus,
    pub(crate) text: String,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(status: MpStatus, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(MpStatus::InvalidArgument, text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Cancelled => MpStatus::Cancelled,
            ErrorKind::FailedPrecondition => MpStatus::FailedPrecondition,
            ErrorKind::Internal => MpStatus::Internal,
            ErrorKind::InvalidArgument => MpStatus::InvalidArgument,
            ErrorKind::NotFound => MpStatus::NotFound,
            ErrorKind::PermissionDenied => MpStatus::PermissionDenied,
            ErrorKind::ResourceExhausted => MpStatus::ResourceExhausted,
            ErrorKind::Unavailable => MpStatus::Unavailable,
            ErrorKind::Unimplemented => MpStatus::Unimplemented,
            // The kinds may become more; of those nothing is known here.
            _ => MpStatus::Unknown,
        };
        // The Task Library's messages have its own names of types.
        Self::new(status, error.to_string().replace("kTfLiteFloat32", "float32"))
    }
}

/// Runs the body of a function. If it fails, or panics, its text goes to `error_msg`, unless that is null; otherwise `error_msg` is left alone.
///
/// # Safety
///
/// `error_msg` is null, or can be written.
pub(crate) unsafe fn call(error_msg: *mut *mut c_char, body: impl FnOnce() -> Outcome) -> MpStatus {
    let outcome = contain_panics(body).unwrap_or_else(|panic| {
        Err(Failure::new(MpStatus::Internal, format!("the call panicked: {panic}")))
    });
    let Err(Failure { status, text }) = outcome else { return MpStatus::Ok };
    if !error_msg.is_null() {
        // SAFETY: the caller promised that a pointer that is not null can be written.
        unsafe { error_msg.write(allocated(&text)) };
    }
    status
}

/// A text that C's `free` gives back; null if there is no memory.
fn allocated(text: &str) -> *mut c_char {
    let bytes: Vec<u8> = text.bytes().filter(|&byte| byte != 0).collect();
    // SAFETY: the size is not 0, as the end of the text is counted.
    let memory = unsafe { libc::malloc(bytes.len() + 1) }.cast::<u8>();
    if !memory.is_null() {
        // SAFETY: the memory is new and has a byte more than the text.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), memory, bytes.len());
            memory.add(bytes.len()).write(0);
        }
    }
    memory.cast()
}

/// What an argument points to.
///
/// # Safety
///
/// The pointer is null, or points to a value that stays as it is for as long as the result is used.
pub(crate) unsafe fn argument<'a, T>(pointer: *const T, name: &str) -> Outcome<&'a T> {
    // SAFETY: the caller promised so.
    unsafe { pointer.as_ref() }.ok_or_else(|| is_null(name))
}

/// Memory that an argument gives for a result.
///
/// # Safety
///
/// The pointer is null, or nobody else uses what it points to for as long as the result is used.
pub(crate) unsafe fn memory<'a, T>(pointer: *mut T, name: &str) -> Outcome<&'a mut MaybeUninit<T>> {
    // SAFETY: the caller promised so, and memory that is not initialized may be anything.
    unsafe { pointer.cast::<MaybeUninit<T>>().as_mut() }.ok_or_else(|| is_null(name))
}

/// The text that an argument points to; `None` for null.
///
/// # Safety
///
/// The pointer is null, or points to a text that ends with 0 and stays as it is for as long as the result is used.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller promised so.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) })
}

pub(crate) fn is_null(name: &str) -> Failure {
    Failure::invalid(format!("`{name}` is null"))
}

/// Gives back the text of a failure, which C's `free` does as well. Null is fine.
///
/// # Safety
///
/// The text came from this library, and was not given back before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpErrorFree(error_msg: *mut c_char) {
    // SAFETY: the caller promised that the text is one of `allocated`, and `free` does nothing with null.
    unsafe { libc::free(error_msg.cast()) };
}

/// A list of texts. Nothing in this library hands one out.
#[repr(C)]
#[derive(Debug)]
pub struct MpStringList {
    /// The texts.
    pub strings: *mut *mut c_char,
    /// How many there are.
    pub num_strings: c_int,
}

/// Gives back a list of texts. As this library hands out none, there is nothing to give back, and nothing is done.
#[unsafe(no_mangle)]
pub extern "C" fn MpStringListFree(_list: *mut MpStringList) {}
