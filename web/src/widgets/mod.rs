//! Small parts that are used in many places.

pub mod brand;
pub mod copy;
pub mod dialog;
pub mod section;
pub mod tabs;
