//! What a cluster is made of: topics, brokers, coordinators, log directories, versions.
//!
//! One file an API, named for the API.
mod alter_replica_log_dirs;
pub(crate) mod api_versions;
mod create_acls;
mod delete_acls;
mod describe_acls;
mod describe_cluster;
mod describe_log_dirs;
mod describe_topic_partitions;
mod find_coordinator;
mod metadata;
#[cfg(test)]
mod naming_tests;

pub(crate) use alter_replica_log_dirs::alter_replica_log_dirs;
pub(crate) use api_versions::api_versions;
pub(crate) use create_acls::create_acls;
pub(crate) use delete_acls::delete_acls;
pub(crate) use describe_acls::describe_acls;
pub(crate) use describe_cluster::describe_cluster;
pub(crate) use describe_log_dirs::describe_log_dirs;
pub(crate) use describe_topic_partitions::describe_topic_partitions;
pub(crate) use find_coordinator::find_coordinator;
pub(crate) use metadata::metadata;
