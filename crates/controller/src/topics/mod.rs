//! Topics: creating, deleting, growing.
mod create;
mod delete;
mod partitions;
mod placement;

#[cfg(test)]
mod tests;

pub(crate) use ottla_metadata::topic_name::check as validate_name;
pub(crate) use placement::validate_manual;
