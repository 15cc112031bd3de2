//! Handles of what C programs hold: numbers that look like pointers, so that one that was closed is known as such.

use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::status::{Failure, Outcome, is_null};

/// Objects by the numbers of their handles. This is the state of the whole process that C interfaces cannot do without, if a handle that was
/// closed twice is to be an error instead of a crash.
pub(crate) struct Handles<T> {
    kind: &'static str,
    live: RwLock<BTreeMap<usize, Arc<T>>>,
}

/// All handles are numbered together, so that one of an image is never one of an embedder.
static NEXT: AtomicUsize = AtomicUsize::new(1);

impl<T> Handles<T> {
    /// No handles yet of things of this kind.
    pub(crate) const fn new(kind: &'static str) -> Self {
        Self { kind, live: RwLock::new(BTreeMap::new()) }
    }

    /// A new handle, which no other was or will be.
    pub(crate) fn insert<P>(&self, object: Arc<T>) -> *mut P {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.live.write().unwrap_or_else(PoisonError::into_inner).insert(number, object);
        ptr::without_provenance_mut(number)
    }

    /// What a handle stands for.
    pub(crate) fn get<P>(&self, handle: *mut P) -> Outcome<Arc<T>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&handle.addr()).map(Arc::clone).ok_or_else(|| self.unknown(handle))
    }

    /// Closes a handle.
    pub(crate) fn remove<P>(&self, handle: *mut P) -> Outcome<Arc<T>> {
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        live.remove(&handle.addr()).ok_or_else(|| self.unknown(handle))
    }

    fn unknown<P>(&self, handle: *mut P) -> Failure {
        if handle.is_null() {
            return is_null(self.kind);
        }
        Failure::invalid(format!("this is no handle of an {}, or one that was closed", self.kind))
    }
}
