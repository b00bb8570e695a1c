//! The controller as a machine: which request goes where, and what a record changes.

use std::collections::BTreeMap;

use ottla_machine::{Decision, Machine, Millis, Offset, Token};
use ottla_metadata::{ApplyError, MetadataImage, MetadataVersion, TopicImage};
use ottla_wire::messages::{MetadataRecord, RequestBody as WireRequest, ResponseBody};

use crate::brokers::sessions::{SessionTouch, Sessions};
use crate::draw::Draw;
use crate::index::Index;
use crate::request::{Request, RequestBody, Response, Settings};

/// The most records that one request may make.
pub(crate) const RECORDS_PER_REQUEST_MAX: usize = 10_000;

/// A change of soft state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Something about a broker's session.
    Session(SessionTouch),
    /// The leaders were looked at: the next look is due at the given time.
    BalanceDue(Millis),
    /// Partitions without a leader were looked at: the next look is due at the given time.
    UncleanElectionDue(Millis),
    /// The log is alive: the next sign of that is due at the given time.
    NoOpDue(Millis),
}

/// What a handler makes of a request.
pub(crate) struct Outcome {
    pub records: Vec<MetadataRecord>,
    pub touches: Vec<Touch>,
    pub response: ResponseBody,
}

impl Outcome {
    /// An answer, and the records that make it true.
    pub fn new(records: Vec<MetadataRecord>, response: impl Into<ResponseBody>) -> Self {
        Self { records, touches: Vec::new(), response: response.into() }
    }

    /// An answer that changes nothing.
    pub fn answer(response: impl Into<ResponseBody>) -> Self {
        Self::new(Vec::new(), response)
    }

    pub fn touching(mut self, touches: impl IntoIterator<Item = SessionTouch>) -> Self {
        self.touches.extend(touches.into_iter().map(Touch::Session));
        self
    }
}

/// The active controller, or one that replays to become it.
#[derive(Debug)]
pub struct Controller {
    pub(crate) settings: Settings,
    pub(crate) image: MetadataImage,
    pub(crate) index: Index,
    pub(crate) sessions: Sessions,
    /// Where each broker's registration lies in the log.
    pub(crate) registered_at: BTreeMap<i32, Offset>,
    /// The offset after the last record.
    pub(crate) next_offset: Offset,
    pub(crate) balance_due: Option<Millis>,
    pub(crate) unclean_election_due: Option<Millis>,
    pub(crate) no_op_due: Option<Millis>,
    /// The image from before a metadata transaction that is open.
    before_transaction: Option<MetadataImage>,
    fault: Option<ApplyError>,
}

impl Controller {
    /// A controller over an empty log.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::from_image(settings, MetadataImage::empty())
    }

    /// A controller over a log of which a snapshot gave the image so far.
    #[must_use]
    pub fn from_image(settings: Settings, image: MetadataImage) -> Self {
        Self {
            settings,
            index: Index::of(&image),
            sessions: Sessions::default(),
            registered_at: image.brokers.keys().map(|id| (*id, image.provenance.offset)).collect(),
            next_offset: image.provenance.offset + 1,
            balance_due: None,
            unclean_election_due: None,
            no_op_due: None,
            before_transaction: None,
            fault: None,
            image,
        }
    }

    /// The metadata as of the last record. Its provenance is kept by whoever follows the log.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// The first record that did not fit, if one did not. The log is damaged then, or written by
    /// something newer: the node must not lead.
    #[must_use]
    pub fn fault(&self) -> Option<&ApplyError> {
        self.fault.as_ref()
    }

    /// The metadata.version in force; the newest one before the log has any.
    pub(crate) fn metadata_version(&self) -> MetadataVersion {
        self.image.metadata_version().unwrap_or(MetadataVersion::LATEST)
    }

    /// Whether the log was left inside a metadata transaction.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.before_transaction.is_some()
    }

    /// The image from before the open metadata transaction, if one is open.
    pub(crate) fn image_before_transaction(&self) -> Option<&MetadataImage> {
        self.before_transaction.as_ref()
    }

    fn call(
        &self,
        request: WireRequest,
        version: i16,
        draw: &mut Draw,
        now: Millis,
    ) -> Option<Outcome> {
        use WireRequest as R;
        Some(match request {
            R::CreateTopics(request) => self.create_topics(*request, draw),
            R::DeleteTopics(request) => self.delete_topics(*request, version),
            R::CreatePartitions(request) => self.create_partitions(*request, draw),
            R::IncrementalAlterConfigs(request) => self.incremental_alter_configs(*request),
            R::AlterConfigs(request) => self.alter_configs(*request),
            R::ElectLeaders(request) => self.elect_leaders(*request),
            R::AlterPartition(request) => self.alter_partition(*request, version),
            R::AlterPartitionReassignments(request) => self.alter_reassignments(*request),
            R::ListPartitionReassignments(request) => self.list_reassignments(*request),
            R::AssignReplicasToDirs(request) => self.assign_replicas_to_dirs(*request),
            R::BrokerRegistration(request) => self.register_broker(*request, now),
            R::BrokerHeartbeat(request) => self.broker_heartbeat(*request, now),
            R::UnregisterBroker(request) => self.unregister_broker(*request),
            R::ControllerRegistration(request) => self.register_controller(*request),
            R::AllocateProducerIds(request) => self.allocate_producer_ids(*request),
            R::UpdateFeatures(request) => self.update_features(*request, version),
            _ => return None,
        })
    }

    /// Takes in one record, and keeps the index in step.
    fn take(&mut self, offset: Offset, record: &MetadataRecord) -> Result<(), ApplyError> {
        use MetadataRecord as R;
        match record {
            R::RegisterBroker(record) => {
                self.registered_at.insert(record.broker_id, offset);
            }
            R::UnregisterBroker(record) => {
                self.registered_at.remove(&record.broker_id);
                self.sessions.forget(record.broker_id);
            }
            R::RemoveTopic(removed) => {
                let topic = self.image.topics.by_id(removed.topic_id).cloned();
                self.image.apply(record)?;
                if let Some(topic) = topic {
                    self.index.remove_topic(&topic);
                }
                return Ok(());
            }
            R::Partition(changed) => {
                return self.take_partition((changed.topic_id, changed.partition_id), record);
            }
            R::PartitionChange(changed) => {
                return self.take_partition((changed.topic_id, changed.partition_id), record);
            }
            R::ClearElr(_) => {
                self.image.apply(record)?;
                self.index = Index::of(&self.image);
                return Ok(());
            }
            R::Topic(created) => {
                self.image.apply(record)?;
                let topic: Option<&TopicImage> =
                    self.image.topics.by_id(created.topic_id).map(AsRef::as_ref);
                if let Some(topic) = topic {
                    self.index.add_topic(&topic.name);
                }
                return Ok(());
            }
            _ => {}
        }
        self.image.apply(record)
    }

    fn take_partition(
        &mut self,
        key: crate::index::PartitionKey,
        record: &MetadataRecord,
    ) -> Result<(), ApplyError> {
        let state =
            |image: &MetadataImage| image.topics.by_id(key.0)?.partitions.get(&key.1).cloned();
        let old = state(&self.image);
        self.image.apply(record)?;
        let new = state(&self.image);
        self.index.partition(key, old.as_deref(), new.as_deref());
        Ok(())
    }
}

impl Machine for Controller {
    type Request = Request;
    type Response = Response;
    type Record = MetadataRecord;
    type Touch = Touch;

    fn decide(&self, token: Token, request: Request, now: Millis) -> Decision<Self> {
        let mut draw = Draw::new(request.seed);
        let (body, version) = match request.body {
            RequestBody::Activate => return self.activate(token, now),
            RequestBody::Call { body, version } => (body, version),
        };
        let api = body.api_key();
        match self.call(body, version, &mut draw, now) {
            None => Decision::answer(token, Response::NotDecidedHere(api)),
            Some(Outcome { records, touches, response }) => {
                Decision { records, touches, ..Decision::answer(token, Response::Body(response)) }
            }
        }
    }

    fn expire(&self, now: Millis) -> Decision<Self> {
        if let Some(decision) = self.fence_one_stale_broker(now) {
            return decision;
        }
        let mut decision = self.balance_leaders(now);
        decision.extend(self.elect_unclean_leaders(now));
        decision.extend(self.write_no_op(now));
        decision
    }

    fn next_deadline(&self) -> Option<Millis> {
        let session = self.next_stale_broker().map(|(at, _)| at);
        [session, self.balance_due, self.unclean_election_due, self.no_op_due]
            .into_iter()
            .flatten()
            .min()
    }

    fn apply(&mut self, offset: Offset, record: &MetadataRecord) {
        self.next_offset = offset + 1;
        match record {
            MetadataRecord::BeginTransaction(_) => {
                self.before_transaction = Some(self.image.clone());
            }
            MetadataRecord::EndTransaction(_) => self.before_transaction = None,
            MetadataRecord::AbortTransaction(_) => {
                if let Some(image) = self.before_transaction.take() {
                    self.index = Index::of(&image);
                    self.image = image;
                }
            }
            other => {
                if let Err(error) = self.take(offset, other) {
                    self.fault.get_or_insert(error);
                }
            }
        }
    }

    fn touch(&mut self, touch: Touch) {
        match touch {
            Touch::Session(touch) => self.sessions.touch(touch),
            Touch::BalanceDue(at) => self.balance_due = Some(at),
            Touch::UncleanElectionDue(at) => self.unclean_election_due = Some(at),
            Touch::NoOpDue(at) => self.no_op_due = Some(at),
        }
    }
}
