//! Sentences of the paper as tests.
