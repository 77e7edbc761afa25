//! Deterministic simulation of distributed systems.
