//! The bytes of the snapshots that a formatted directory begins with: Kafka's, whoever formats.

use bytes::{Bytes, BytesMut};
use ottla_wire::Uuid;
use ottla_wire::codec::Message;
use ottla_wire::messages::voters_record::{Endpoint, KRaftVersionFeature, Voter as VoterRecord};
use ottla_wire::messages::{
    FeatureLevelRecord, KRaftVersionRecord, MetadataRecord, SnapshotFooterRecord,
    SnapshotHeaderRecord, VotersRecord,
};
use ottla_wire::records::{BatchBuilder, BatchOptions, ControlType, control_batch};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// One controller that votes, and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    pub id: i32,
    pub directory: Uuid,
    pub host: String,
    pub port: u16,
}

/// `bootstrap.checkpoint`: the feature levels of a new cluster.
///
/// # Errors
/// A name is longer than a record can be.
pub fn features<'a>(
    levels: impl IntoIterator<Item = (&'a str, i16)>,
    now_ms: i64,
) -> Outcome<Bytes> {
    let mut file = Checkpoint::begin(now_ms);
    file.control(&[(ControlType::SnapshotHeader, header(0)?)])?;
    let mut records = BatchBuilder::new(file.options());
    for (name, feature_level) in levels {
        let record = MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: name.to_owned(),
            feature_level,
            ..FeatureLevelRecord::default()
        });
        records.append(now_ms, None, Some(&record.encode(0)?), &[])?;
        file.next_offset += 1;
    }
    file.bytes.extend_from_slice(&records.build()?);
    file.end()
}

/// The first snapshot of the metadata log: who votes. `listener` is the one by which voters are reached.
///
/// # Errors
/// A name is longer than a record can be.
pub fn voters(kraft_version: i16, voters: &[Voter], listener: &str, now_ms: i64) -> Outcome<Bytes> {
    let version =
        KRaftVersionRecord { k_raft_version: kraft_version, ..KRaftVersionRecord::default() };
    let record = |voter: &Voter| VoterRecord {
        voter_id: voter.id,
        voter_directory_id: voter.directory,
        endpoints: vec![Endpoint {
            name: listener.to_owned(),
            host: voter.host.clone(),
            port: voter.port,
            ..Endpoint::default()
        }],
        k_raft_version_feature: KRaftVersionFeature {
            min_supported_version: 0,
            max_supported_version: 1,
            ..KRaftVersionFeature::default()
        },
        ..VoterRecord::default()
    };
    let set =
        VotersRecord { voters: voters.iter().map(record).collect(), ..VotersRecord::default() };
    let mut file = Checkpoint::begin(now_ms);
    file.control(&[
        (ControlType::SnapshotHeader, header(now_ms)?),
        (ControlType::KRaftVersion, version.encode_to_bytes(0)?),
        (ControlType::KRaftVoters, set.encode_to_bytes(0)?),
    ])?;
    file.end()
}

fn header(last_contained_log_timestamp: i64) -> Outcome<Bytes> {
    let record = SnapshotHeaderRecord { last_contained_log_timestamp, ..Default::default() };
    Ok(record.encode_to_bytes(0)?)
}

/// A snapshot as it grows, batch by batch.
struct Checkpoint {
    bytes: BytesMut,
    next_offset: i64,
    now_ms: i64,
}

impl Checkpoint {
    fn begin(now_ms: i64) -> Self {
        Self { bytes: BytesMut::new(), next_offset: 0, now_ms }
    }

    fn options(&self) -> BatchOptions {
        BatchOptions {
            base_offset: self.next_offset,
            partition_leader_epoch: 0,
            ..BatchOptions::default()
        }
    }

    fn control(&mut self, records: &[(ControlType, Bytes)]) -> Outcome<()> {
        let records: Vec<(ControlType, &[u8])> =
            records.iter().map(|(kind, value)| (*kind, value.as_ref())).collect();
        self.bytes.extend_from_slice(&control_batch(self.options(), self.now_ms, &records)?);
        self.next_offset += records.len() as i64;
        Ok(())
    }

    fn end(mut self) -> Outcome<Bytes> {
        let footer = SnapshotFooterRecord::default().encode_to_bytes(0)?;
        self.control(&[(ControlType::SnapshotFooter, footer)])?;
        Ok(self.bytes.freeze())
    }
}
