//! What happens in a life: one step after the other, each as the dice want.
//!
//! # Layout
//! - `step`: what the dice show; `produce`: clients and followers append; `upkeep`: everything else
mod produce;
mod step;
mod upkeep;
