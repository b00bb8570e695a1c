//! Every message in every version, against a second reading of Kafka's definitions, against the
//! `kafka-protocol` crate, against bytes that Kafka's Java code wrote, and against hostile bytes.

mod golden;
mod hostile;
mod oracle;
mod probe;
mod random;
mod records;
mod round_trip;
mod schema;
mod table;
mod value;
