//! The target `link` for cargo-fuzz; what it does is in the library, which the driver shares.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    clusterscope_fuzz::targets::link(data);
});
