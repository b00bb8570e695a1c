//! The broker's place in the cluster: registered at the start, kept by heartbeats, given up in order.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_broker::ControllerChannel;
use ottla_hosting::{Partitions, assignment_request};
use ottla_metadata::version::SUPPORTED_FEATURES;
use ottla_wire::messages::assign_replicas_to_dirs_request::DirectoryData;
use ottla_wire::messages::broker_registration_request::{Feature, Listener};
use ottla_wire::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, RequestBody,
    ResponseBody,
};
use ottla_wire::{ErrorCode, Uuid};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::error::StartError;
use crate::network::Endpoint;

/// The versions of the requests that are sent.
const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 2;
const ASSIGNMENT_VERSION: i16 = 0;

/// `SecurityProtocol` code.
const PLAINTEXT: i16 = 0;

/// How soon a heartbeat that must not wait is repeated.
const SOON: Duration = Duration::from_millis(10);

/// What a broker tells the controller of itself.
#[derive(Clone, Debug)]
pub struct Identity {
    pub node_id: i32,
    pub cluster_id: String,
    /// Drawn anew at every start.
    pub incarnation_id: Uuid,
    /// What clients are told to connect to.
    pub advertised: Vec<Endpoint>,
    pub rack: Option<String>,
    pub directories: Vec<Uuid>,
}

/// A registered broker.
pub struct Registration {
    controller: Arc<dyn ControllerChannel>,
    node_id: i32,
    epoch: i64,
    /// Kept by the heartbeat: what the broker has read of the metadata log.
    metadata_offset: Mutex<i64>,
    partitions: Arc<Partitions>,
}

impl Registration {
    /// Registers the broker.
    ///
    /// # Errors
    /// The controller refuses: the id is taken, or the cluster is another one.
    pub async fn register(
        controller: Arc<dyn ControllerChannel>,
        partitions: Arc<Partitions>,
        identity: &Identity,
    ) -> Result<Self, StartError> {
        let request = RequestBody::from(request(identity));
        let refused = |code: ErrorCode| {
            let primary = format!("cannot register broker {}", identity.node_id);
            let failed = StartError::new(primary, format!("{}: {}", code.name(), code.message()));
            match code {
                ErrorCode::DuplicateBrokerRegistration => {
                    failed.hint("another broker has this id: set node.id to a free one")
                }
                _ => failed,
            }
        };
        let answer = controller.ask(request, REGISTRATION_VERSION, "User:ANONYMOUS").await;
        let epoch = match answer {
            Ok(ResponseBody::BrokerRegistration(response)) if response.error_code == 0 => {
                response.broker_epoch
            }
            Ok(ResponseBody::BrokerRegistration(response)) => {
                return Err(refused(ErrorCode::from_code(response.error_code)));
            }
            Ok(_) => return Err(refused(ErrorCode::UnknownServerError)),
            Err(code) => return Err(refused(code)),
        };
        let node_id = identity.node_id;
        Ok(Self { controller, node_id, epoch, metadata_offset: Mutex::new(epoch), partitions })
    }

    /// The epoch of this registration.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Notes how far the broker has read the metadata log.
    pub fn read_up_to(&self, offset: i64) {
        let mut known = self.metadata_offset.lock();
        *known = offset.max(*known);
    }

    /// Tells the controller in which directories replicas lie.
    ///
    /// # Errors
    /// The controller can't be asked, or refuses the request as a whole.
    pub async fn assign_replicas(&self, directories: Vec<DirectoryData>) -> Result<(), ErrorCode> {
        let request = assignment_request(self.node_id, self.epoch, directories);
        let request = RequestBody::from(request);
        match self.controller.ask(request, ASSIGNMENT_VERSION, "User:ANONYMOUS").await? {
            ResponseBody::AssignReplicasToDirs(response) if response.error_code == 0 => Ok(()),
            ResponseBody::AssignReplicasToDirs(response) => {
                Err(ErrorCode::from_code(response.error_code))
            }
            _ => Err(ErrorCode::UnknownServerError),
        }
    }

    /// Sends heartbeats until the controller lets the broker serve.
    ///
    /// # Errors
    /// The controller refuses the registration's epoch.
    pub async fn unfenced(&self) -> Result<(), StartError> {
        loop {
            match self.beat(false).await {
                Ok(response) if !response.is_fenced => return Ok(()),
                Ok(_) => tokio::time::sleep(SOON).await,
                Err(code) => {
                    return Err(StartError::new(
                        format!("broker {} is not let into the cluster", self.node_id),
                        format!("{}: {}", code.name(), code.message()),
                    ));
                }
            }
        }
    }

    /// Controlled shutdown: hands over leaderships; returns when the controller agrees or after
    /// `patience`.
    pub async fn leave(&self, patience: Duration) {
        let leaving = async {
            loop {
                match self.beat(true).await {
                    Ok(response) if response.should_shut_down => return,
                    Ok(_) => tokio::time::sleep(SOON).await,
                    Err(code) => {
                        tracing::warn!(code = code.name(), "controlled shutdown was not possible");
                        return;
                    }
                }
            }
        };
        if tokio::time::timeout(patience, leaving).await.is_err() {
            tracing::warn!("the controller did not agree to the shutdown in time");
        }
    }

    /// Sends one heartbeat.
    ///
    /// # Errors
    /// The controller can't be asked, or refuses.
    pub async fn beat(&self, want_shut_down: bool) -> Result<BrokerHeartbeatResponse, ErrorCode> {
        let request = BrokerHeartbeatRequest {
            broker_id: self.node_id,
            broker_epoch: self.epoch,
            current_metadata_offset: *self.metadata_offset.lock(),
            want_shut_down,
            offline_log_dirs: self.partitions.offline_directory_ids(),
            cordoned_log_dirs: Some(self.partitions.cordoned_directory_ids()),
            ..BrokerHeartbeatRequest::default()
        };
        let request = RequestBody::from(request);
        match self.controller.ask(request, HEARTBEAT_VERSION, "User:ANONYMOUS").await? {
            ResponseBody::BrokerHeartbeat(response) if response.error_code == 0 => Ok(*response),
            ResponseBody::BrokerHeartbeat(response) => {
                Err(ErrorCode::from_code(response.error_code))
            }
            _ => Err(ErrorCode::UnknownServerError),
        }
    }
}

/// Sends heartbeats until it is stopped. On a thread of its own: requests that keep the runtime busy
/// must not cost the broker its place.
pub struct Heartbeats {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Heartbeats {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(registration: Arc<Registration>, interval: Duration) -> Result<Self, StartError> {
        let runtime = Handle::current();
        let (stop, stopped) = mpsc::channel();
        let body = move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                if let Err(code) = runtime.block_on(registration.beat(false)) {
                    tracing::warn!(code = code.name(), "the controller did not take a heartbeat");
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("heartbeats".to_owned())
            .spawn(body)
            .map_err(|error| StartError::new("cannot start the thread of heartbeats", error))?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread; blocks until its last heartbeat is answered.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread of heartbeats panicked");
        }
    }
}

fn request(identity: &Identity) -> BrokerRegistrationRequest {
    let listener = |endpoint: &Endpoint| Listener {
        name: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        security_protocol: PLAINTEXT,
        ..Listener::default()
    };
    let feature = |(name, range): &(&str, ottla_metadata::image::VersionRange)| Feature {
        name: (*name).to_owned(),
        min_supported_version: range.min,
        max_supported_version: range.max,
        ..Feature::default()
    };
    BrokerRegistrationRequest {
        broker_id: identity.node_id,
        cluster_id: identity.cluster_id.clone(),
        incarnation_id: identity.incarnation_id,
        listeners: identity.advertised.iter().map(listener).collect(),
        features: SUPPORTED_FEATURES.iter().map(feature).collect(),
        rack: identity.rack.clone(),
        log_dirs: identity.directories.clone(),
        ..BrokerRegistrationRequest::default()
    }
}
