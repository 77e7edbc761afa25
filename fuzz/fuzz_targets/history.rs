//! The target `history` for cargo-fuzz; what it does is in the library, which the driver shares.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clusterscope_fuzz::targets::history(data);
});
