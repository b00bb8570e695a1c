//! What happens in a life: one step after the other, each as the dice want.
//!
//! # Layout
//! - `step`: what the dice show; `produce`: clients and followers append; `journal`: what they wrote
//!   becomes durable; `upkeep`: everything else
mod journal;
mod produce;
mod step;
mod upkeep;
