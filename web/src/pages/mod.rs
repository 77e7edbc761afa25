//! The page's faces besides the lab.

pub mod compare;
pub mod gallery;
pub mod import;
pub mod preview;
