//! Where things stand: from data to places, for any renderer.

pub mod ring;
