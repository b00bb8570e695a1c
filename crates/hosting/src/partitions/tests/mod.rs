//! Partitions on a disk in memory.
//!
//! # Layout
//! - `hosting`: they follow the metadata; `loading`: logs at the start; `directories`: several of them
mod directories;
mod hosting;
mod loading;
