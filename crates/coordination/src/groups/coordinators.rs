//! What handlers ask the coordinators of groups.

use std::sync::Arc;

use ottla_coordinator::{
    Body, Caller, Config, DeletedTopic, EndedTransaction, Request, Response, TopicChanges,
};
use ottla_hosting::Partition;
use ottla_log::Verification;
use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use tokio::runtime::Handle;

use super::kind::Groups;
use super::look::Look;
use crate::{LogTerms, Parts, Shards};

/// The coordinators at work.
pub struct GroupCoordinators {
    shards: Shards<Groups>,
}

impl GroupCoordinators {
    /// No coordinators yet. Tasks run on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle, clock: Arc<dyn Clock>, config: Config, terms: LogTerms) -> Self {
        Self { shards: Shards::new(Groups::new(config), Parts { runtime, clock, terms }) }
    }

    /// What groups have to keep to.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.shards.kind().config()
    }

    /// Starts and stops coordinators so that they match the partitions this broker leads.
    /// `partitions` is the topic's size, zero while it does not exist.
    pub fn reconcile(&self, partitions: i32, led: &[Arc<Partition>]) {
        self.shards.reconcile(partitions, led);
    }

    /// Whether the coordinator of `group_id` is here: its partition is led by this broker, and its log is open.
    #[must_use]
    pub fn has(&self, group_id: &str) -> bool {
        self.shards.of(group_id).is_ok()
    }

    /// Ends every coordinator; whoever waits is told to look for another.
    pub fn shutdown(&self) {
        self.shards.shutdown();
    }

    /// Asks the coordinator of `group_id`, if the request is one that a coordinator would take.
    ///
    /// # Errors
    /// `NOT_COORDINATOR`, `COORDINATOR_NOT_AVAILABLE` or `COORDINATOR_LOAD_IN_PROGRESS`.
    pub async fn ask(&self, group_id: &str, request: Request) -> Result<Response, ErrorCode> {
        self.ask_in_transaction(group_id, request, Verification::NotRequired).await
    }

    /// Asks the coordinator of `group_id` for what a transaction wants; the log is shown `verification`.
    ///
    /// # Errors
    /// As [`GroupCoordinators::ask`], and what the log has against the producer.
    pub async fn ask_in_transaction(
        &self,
        group_id: &str,
        request: Request,
        verification: Verification,
    ) -> Result<Response, ErrorCode> {
        if let Some(refusal) = request.refusal(self.config()) {
            return Ok(refusal);
        }
        self.shards.of(group_id)?.ask(request, verification).await
    }

    /// Tells the coordinator of partition `index` of a marker, which it writes.
    ///
    /// # Errors
    /// As [`GroupCoordinators::ask_in_transaction`].
    pub async fn end_transaction(
        &self,
        index: i32,
        ended: EndedTransaction,
    ) -> Result<(), ErrorCode> {
        let request = unasked(Body::EndTransaction(ended));
        self.shards.at(index)?.ask(request, Verification::NotRequired).await.map(|_| ())
    }

    /// The partition that holds a group; `None` while the topic does not exist.
    #[must_use]
    pub fn partition_of(&self, group_id: &str) -> Option<i32> {
        self.shards.partition_of(group_id)
    }

    /// Asks every coordinator of this broker, and collects what they answer.
    pub async fn ask_all(
        &self,
        request: impl FnMut() -> Request,
    ) -> Vec<Result<Response, ErrorCode>> {
        self.shards.ask_all(request).await
    }

    /// How the coordinators' groups and offsets are. Those that are loading tell nothing.
    pub async fn look(&self) -> Vec<Look> {
        let mut looks = vec![self.shards.kind().retired()];
        let now_ms = self.shards.parts().clock.now_ms();
        for queue in self.shards.all() {
            looks.extend(queue.look(move |machine| Look::of(machine, now_ms)).await);
        }
        looks
    }

    /// Writes how the coordinators' loops do.
    pub fn write_metrics(&self, text: &mut String) {
        self.shards.write_metrics(text, "kafka_server_group_coordinator_metrics_");
    }

    /// Tells every coordinator, without waiting for them, of a change of the cluster's metadata. Calls come in the
    /// order of the metadata log.
    pub fn metadata_changed(&self, image: &Arc<MetadataImage>, topics: TopicChanges) {
        let metadata = self.shards.kind().advance(image, topics);
        for queue in self.shards.all() {
            let request = || unasked(Body::MetadataChanged(metadata.clone()));
            if !queue.note(request()) {
                // What overtakes it meanwhile is newer, and then it changes nothing.
                let request = request();
                self.shards.parts().runtime.spawn(async move { queue.note_in_time(request).await });
            }
        }
    }

    /// Tells every coordinator, without waiting for them, that topics are gone.
    pub fn topics_deleted(&self, topics: &[DeletedTopic]) {
        for queue in self.shards.all() {
            let request = unasked(Body::TopicsDeleted(topics.to_vec()));
            self.shards.parts().runtime.spawn(async move { queue.note_in_time(request).await });
        }
    }
}

/// What no client has asked for.
fn unasked(body: Body) -> Request {
    Request { caller: Caller::default(), body }
}
