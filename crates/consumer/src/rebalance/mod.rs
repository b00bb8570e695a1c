//! What is subscribed to, and what a rebalance changes.
//!
//! # Layout
//! - `subscription`: what is wanted, and who hears of what comes and goes
//! - `classic`: joining again and again; a member assigns
//! - `consumer_protocol`: following the coordinator's assignments (KIP-848)

use ottla_cluster::Error;

mod classic;
mod consumer_protocol;
mod subscription;

pub(super) use consumer_protocol::Part;
pub use subscription::RebalanceListener;
pub(super) use subscription::Subscribed;

use super::client::Consumer;
use super::config::GroupProtocol;

impl Consumer {
    /// Does what the membership needs next.
    pub(super) fn step_group(&mut self) -> Result<(), Error> {
        if let Some(fatal) = &self.fatal {
            return Err(fatal.clone());
        }
        match self.config.group_protocol {
            GroupProtocol::Classic => self.step_classic(),
            GroupProtocol::Consumer => self.step_consumer_protocol(),
        }
    }
}
