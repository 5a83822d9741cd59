//! Large tables in pages of 2 MiB, for programs whose tables are many times larger than what a TLB covers.

use std::alloc::{GlobalAlloc, Layout, System};

/// From this size on pages of 2 MiB are asked for: below, the rounding would cost more than it brings.
const LARGE_BYTES: usize = 8 << 20;
/// What `madvise` wants its addresses to be a multiple of.
const PAGE_BYTES: usize = 4_096;

/// The system's allocator, which asks the kernel for huge pages behind large zeroed allocations.
///
/// Zeroed memory (`vec![0; n]`) is a table that is looked at all over; there they spare most of the TLB's misses.
/// Other memory is filled from its start on, where they would only make the first touch of each a long one: the
/// kernel clears 2 MiB at a time. For `#[global_allocator]`. It is advice: where transparent huge pages are switched
/// off, all goes on in small ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct HugePages;

// SAFETY: every call goes to `System` with the caller's own arguments, and its answer is returned as it is.
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the contract of `GlobalAlloc`, which is that of `System`; so in all that follow.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.realloc(start, layout, bytes) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}

/// Gives the advice for what was just allocated, and passes it on.
fn advised(start: *mut u8, bytes: usize) -> *mut u8 {
    if bytes >= LARGE_BYTES && !start.is_null() {
        let skipped = start.align_offset(PAGE_BYTES);
        let whole_pages = (bytes - skipped) / PAGE_BYTES * PAGE_BYTES;
        // SAFETY: the range lies within an allocation that nobody else knows of yet, and MADV_HUGEPAGE changes what
        // pages it is made of, never what they hold. A refusal (a kernel without huge pages) leaves small ones.
        let _ =
            unsafe { libc::madvise(start.wrapping_add(skipped).cast(), whole_pages, libc::MADV_HUGEPAGE) };
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the kernel took the advice for the memory at this address: its flags in smaps have «hg».
    fn is_advised(address: usize) -> bool {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("proc is mounted");
        let mut here = false;
        for line in maps.lines() {
            let first = line.split_whitespace().next().unwrap_or_default();
            if let Some((from, to)) = first.split_once('-') {
                let parse = |hex| usize::from_str_radix(hex, 16).expect("an address");
                here = (parse(from)..parse(to)).contains(&address);
            } else if here && first == "VmFlags:" {
                return line.split_whitespace().any(|flag| flag == "hg");
            }
        }
        panic!("no mapping holds {address:x}");
    }

    #[test]
    fn only_large_tables_are_advised_and_they_are_zero_at_first() {
        let there_are_huge_pages = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
        let small = Layout::from_size_align(64, 8).expect("a layout");
        let large = Layout::from_size_align(64 << 20, 64).expect("a layout");
        // SAFETY: each pointer is used within its layout, and given back once, with that layout.
        unsafe {
            for (layout, zeroed, advised) in
                [(small, true, false), (large, false, false), (large, true, there_are_huge_pages)]
            {
                let start = if zeroed { HugePages.alloc_zeroed(layout) } else { HugePages.alloc(layout) };
                assert_eq!(is_advised(start as usize + layout.size() / 2), advised, "{layout:?}, {zeroed}");
                if zeroed {
                    let bytes = std::slice::from_raw_parts(start, layout.size());
                    assert!(bytes.iter().all(|&byte| byte == 0));
                }
                start.write_bytes(9, layout.size());
                HugePages.dealloc(start, layout);
            }
        }
    }
}
