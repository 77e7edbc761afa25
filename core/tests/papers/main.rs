//! Numbers that the papers print, or that follow from them, against what the systems do here.

mod clocks;
mod dynamo;
mod pbs;
mod raft;
mod ring;
