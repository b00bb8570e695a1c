//! Quotas and credentials, as the help of `kafka-configs.sh` lists them.

/// Of users.
pub(super) const USER: [&str; 6] = [
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
    "consumer_byte_rate",
    "controller_mutation_rate",
    "producer_byte_rate",
    "request_percentage",
];

/// Of clients.
pub(super) const CLIENT: [&str; 4] =
    ["consumer_byte_rate", "controller_mutation_rate", "producer_byte_rate", "request_percentage"];

/// Of addresses.
pub(super) const IP: [&str; 1] = ["connection_creation_rate"];
