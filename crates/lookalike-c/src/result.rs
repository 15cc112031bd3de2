//! Results as C programs get them, and the similarity of two of them.

use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int};
use std::ptr;
use std::slice;
use std::sync::{Mutex, PoisonError};

use lookalike::{Embedding, EmbeddingResult, FeatureVector};

use crate::status::{Failure, MpStatus, Outcome, argument, call, memory};

/// The vector of a head. One of the two pointers is null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MpEmbedding {
    /// Real values.
    pub float_embedding: *mut f32,
    /// Values of -128 to 127.
    pub quantized_embedding: *mut c_char,
    /// Number of values.
    pub values_count: u32,
    /// Position of the head among the model's outputs.
    pub head_index: c_int,
    /// Name of the head; null if it has none.
    pub head_name: *mut c_char,
}

/// What a model gave for an image. The fields are the caller's, what they point to is the library's until
/// [`MpImageEmbedderCloseResult`].
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ImageEmbedderResult {
    /// One for each head.
    pub embeddings: *mut MpEmbedding,
    /// How many there are.
    pub embeddings_count: u32,
    /// Time of the image in milliseconds.
    pub timestamp_ms: i64,
    /// Always true.
    pub has_timestamp_ms: bool,
}

/// What the pointers of a result point to.
struct Published {
    embeddings: Box<[MpEmbedding]>,
    vectors: Vec<FeatureVector>,
    names: Vec<Option<CString>>,
}

// SAFETY: the pointers in `embeddings` point into `vectors` and `names`, which move along with them.
unsafe impl Send for Published {}

/// Results that were not closed, by the address of their embeddings: only these are given back, whatever a caller says.
static PUBLISHED: Mutex<BTreeMap<usize, Published>> = Mutex::new(BTreeMap::new());

/// The result in C's words. It is kept until it is closed.
pub(crate) fn publish(result: EmbeddingResult, timestamp_ms: i64) -> ImageEmbedderResult {
    let heads: Vec<(usize, Option<CString>)> = result
        .embeddings
        .iter()
        .map(|Embedding { head_index, head_name, .. }| {
            // A name ends where C would say that it ends.
            let name = head_name.as_deref().map(|name| name.split('\0').next().unwrap_or(""));
            (*head_index, name.map(|name| CString::new(name).unwrap_or_default()))
        })
        .collect();
    let vectors = result.into_iter().map(|embedding| embedding.feature_vector);
    let (indices, names): (Vec<usize>, _) = heads.into_iter().unzip();
    let mut published = Published { embeddings: Box::default(), vectors: vectors.collect(), names };
    let parts = indices.iter().zip(&mut published.vectors).zip(&published.names);
    published.embeddings = parts
        .map(|((&head_index, vector), name)| {
            let values_count = vector.len() as u32;
            let (float_embedding, quantized_embedding) = match vector {
                FeatureVector::Float(values) => (values.as_mut_ptr(), ptr::null_mut()),
                FeatureVector::Quantized(values) => (ptr::null_mut(), values.as_mut_ptr().cast()),
            };
            let head_name = name.as_ref().map_or(ptr::null(), |name| name.as_ptr()).cast_mut();
            let head_index = c_int::try_from(head_index).unwrap_or(c_int::MAX);
            MpEmbedding {
                float_embedding,
                quantized_embedding,
                values_count,
                head_index,
                head_name,
            }
        })
        .collect();
    let shown = ImageEmbedderResult {
        embeddings: published.embeddings.as_mut_ptr(),
        embeddings_count: published.embeddings.len() as u32,
        timestamp_ms,
        has_timestamp_ms: true,
    };
    let mut all = PUBLISHED.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(shown.embeddings.addr(), published);
    shown
}

/// Gives back what a result points to. Nothing happens to results that were closed before, or that a call that failed left as they were.
pub(crate) fn close(result: &mut ImageEmbedderResult) {
    let mut all = PUBLISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let published = all.remove(&result.embeddings.addr());
    drop(all);
    if published.is_some() {
        result.embeddings = ptr::null_mut();
        result.embeddings_count = 0;
    }
}

/// Gives back what a result points to, and sets its embeddings to null and their number to 0. Null, a result that was closed before, and one
/// that a call that failed left as it was are fine.
///
/// # Safety
///
/// `result` is null or can be read and written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderCloseResult(result: *mut ImageEmbedderResult) {
    // SAFETY: the caller promised so. What its fields are is looked up, not followed.
    if let Some(result) = unsafe { result.as_mut() } {
        close(result);
    }
}

/// Cosine of the angle between two vectors, between -1 and 1 but for rounding. Products of floats are formed in 32 bits and summed in 64.
///
/// # Safety
///
/// What is not null can be read, and `similarity` and `error_msg` written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn MpImageEmbedderCosineSimilarity(
    u: *const MpEmbedding,
    v: *const MpEmbedding,
    similarity: *mut f64,
    error_msg: *mut *mut c_char,
) -> MpStatus {
    // SAFETY: the caller promised what these ask for.
    unsafe {
        call(error_msg, || {
            let (u, v) = (argument(u, "u")?, argument(v, "v")?);
            let similarity = memory(similarity, "similarity")?;
            similarity.write(cosine(u, v)?);
            Ok(())
        })
    }
}

/// # Safety
///
/// The pointers of both are null or point to as many values as they say.
unsafe fn cosine(u: &MpEmbedding, v: &MpEmbedding) -> Outcome<f64> {
    const CANNOT: &str = "Cannot compute cosine similarity";
    // SAFETY: the caller promised so.
    let vectors = unsafe { (vector(u), vector(v)) };
    let (Some(a), Some(b)) = vectors else { return Err(mixed()) };
    let is_float = |vector: &FeatureVector| vector.as_float().is_some();
    if is_float(&a) != is_float(&b) {
        return Err(mixed());
    }
    if a.len() != b.len() {
        return Err(Failure::invalid(format!(
            "{CANNOT} between embeddings of different sizes ({} vs. {})",
            a.len(),
            b.len()
        )));
    }
    if a.is_empty() {
        return Err(Failure::invalid("Cannot compute cosing similarity on empty embeddings"));
    }
    a.cosine(&b).map_err(|error| {
        if error.to_string().contains("0 norm") {
            return Failure::invalid(format!("{CANNOT} on embedding with 0 norm"));
        }
        error.into()
    })
}

fn mixed() -> Failure {
    Failure::invalid("Cannot compute cosine similarity between quantized and float embeddings")
}

/// A copy of the vector; `None` if there is none.
///
/// # Safety
///
/// The pointers are null or point to as many values as the embedding says.
unsafe fn vector(embedding: &MpEmbedding) -> Option<FeatureVector> {
    let count = embedding.values_count as usize;
    let floats = embedding.float_embedding;
    if !floats.is_null() {
        // SAFETY: the caller promised that there are as many.
        return Some(FeatureVector::Float(
            unsafe { slice::from_raw_parts(floats, count) }.to_vec(),
        ));
    }
    let bytes = embedding.quantized_embedding.cast::<i8>();
    // SAFETY: as above.
    (!bytes.is_null()).then(|| unsafe { slice::from_raw_parts(bytes, count) }.to_vec().into())
}
