//! Groups, asked from outside.

mod describing;
mod joining;
mod leaving;
mod passing_time;
mod reloading;
mod static_members;
mod syncing;
