//! An allocator that counts, for programs that ask what something takes: a program names it as its global one.
#![allow(dead_code, reason = "not every program asks for the most")]
#![allow(unsafe_code, reason = "an allocator has no safe form")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes in use.
pub fn used() -> usize {
    USED.load(Relaxed)
}

/// The most bytes that were in use since [`begin`].
pub fn peak() -> usize {
    PEAK.load(Relaxed)
}

/// Forgets the most so far; gives the bytes in use.
pub fn begin() -> usize {
    let used = used();
    PEAK.store(used, Relaxed);
    used
}

/// The system's allocator, counting.
pub struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(used, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}
