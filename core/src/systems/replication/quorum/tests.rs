//! Sentences of the papers as tests.
