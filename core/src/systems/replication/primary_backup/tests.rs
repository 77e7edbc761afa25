//! Sentences about primaries and backups as tests.
