//! What belongs to the cluster as a whole: the log's first records, features, producer ids,
//! controllers.
mod activate;
mod controllers;
mod features;
mod producer_ids;

#[cfg(test)]
mod tests;
