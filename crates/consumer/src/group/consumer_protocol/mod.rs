//! Membership in a group whose coordinator decides who reads what (KIP-848).
//!
//! # Layout
//! - `member`: what a member tells its coordinator, and is told
//! - `heartbeats`: the task that tells it, between polls too; leaving
//! - `owned`: what is read, and what an assignment changes

mod heartbeats;
mod member;
mod owned;

pub(crate) use heartbeats::{Ended, Heartbeats, Participation, leave};
pub(crate) use member::Wish;
pub(crate) use owned::{Change, Owned};
