//! Records on their way in.

pub(crate) mod protocol;
