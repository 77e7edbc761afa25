//! How fast the simulator is, against programs that do only the work itself.
//!
//! Natively it does every row once and prints a line for each: number, events, runs, nanoseconds of processor time,
//! fingerprint, name, the number of the row it is held against, with tabs between. As WebAssembly it exports the same
//! rows, and `wasm.mjs` prints the same lines. `cargo xtask bench` runs both in turn, several times, and makes the
//! table. With numbers as arguments the native program does only those rows: for a profiler.

mod ceiling;
mod gossip;
mod rows;

use rows::{ROWS, Work};

#[cfg(not(target_arch = "wasm32"))]
mod clock;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    // What cargo adds is no number.
    let wanted: Vec<usize> = std::env::args().filter_map(|it| it.parse().ok()).collect();
    for (number, row) in ROWS.iter().enumerate() {
        if !wanted.is_empty() && !wanted.contains(&number) {
            continue;
        }
        let rows::Row {
            name,
            against,
            work,
        } = row;
        let against = against.map_or_else(String::new, |it| it.to_string());
        let start = clock::now();
        let Work {
            events,
            runs,
            fingerprint,
        } = work();
        let took = clock::now() - start;
        println!("{number}\t{events}\t{runs}\t{took}\t{fingerprint:016x}\t{name}\t{against}");
    }
}

#[cfg(target_arch = "wasm32")]
fn main() {}

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "an export without a name is none")]
mod exports {
    //! What `wasm.mjs` calls.

    use super::{ROWS, Work};

    #[unsafe(no_mangle)]
    extern "C" fn rows() -> u32 {
        ROWS.len() as u32
    }

    /// Does a row; what came of it is read from the memory at the address that is returned: three 64-bit numbers.
    #[unsafe(no_mangle)]
    extern "C" fn work(row: u32) -> *const u64 {
        let Work {
            events,
            runs,
            fingerprint,
        } = (ROWS[row as usize].work)();
        Box::leak(Box::new([events, runs, fingerprint])).as_ptr()
    }
}
