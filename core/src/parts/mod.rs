//! Pure pieces that several systems use.

pub mod log;
pub mod order;

pub mod kv;

pub mod word;

pub mod quorum;

pub mod per_node;

pub mod per_client;

pub mod hashing;

pub mod placement;

pub mod ring;

pub mod vector;

pub mod merkle;

pub mod version;
