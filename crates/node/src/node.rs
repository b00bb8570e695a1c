//! A node: starts its parts in order, runs them, stops them in reverse.
//!
//! Storage and metadata log first, then the broker's partitions, then the listeners: nobody is
//! accepted before there is something to say. On the way down: listeners, coordinators, partitions
//! (with Kafka's clean-shutdown marker), and the metadata log last.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_broker::log_levels::LogLevels;
use ottla_broker::{Broker, BrokerParts, Settings};
use ottla_controller::Settings as ControllerSettings;
use ottla_coordination::{
    GroupCoordinators, LogTerms, MarkerWriter, TransactionCoordinators, TransactionParts,
};
use ottla_coordinator::{Assignor, ConsumerConfig, Migration};
use ottla_hosting::{HostedDirectory, Hosting, LoadError, Partitions, Placement, SettingsSource};
use ottla_log::JournalSize;
use ottla_metadata::MetadataImage;
use ottla_metadata::config::{BrokerValues, ServerConfig};
use ottla_metadata::version::{GROUP_VERSION, METADATA_VERSION, TRANSACTION_VERSION};
use ottla_wire::Uuid;
use ottla_world::{Clock, Disk, Random};
use tokio::sync::mpsc;

use crate::controller::founding::Founding;
use crate::controller::{self, ControllerHandle};
use crate::directories::DirectoryWatch;
use crate::error::StartError;
use crate::http::HttpServer;
use crate::network::{Bound, Endpoints, Limits, Network, NetworkOptions, SocketOptions};
use crate::registration::{Heartbeats, Identity, Registration};
use crate::storage::{Storage, random_id};
use crate::upkeep::Upkeep;
use crate::vitals::NodeVitals;

/// How long a stopping node waits for requests that are being answered.
const FINISH_PATIENCE: Duration = Duration::from_secs(5);

/// How long a starting node puts off its listeners for logs that take little to open.
const QUICK_LOGS_PATIENCE: Duration = Duration::from_secs(1);

/// What a node touches.
#[derive(Clone)]
pub struct World {
    pub disk: Arc<dyn Disk>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub log_levels: Arc<dyn LogLevels>,
}

/// A running node.
pub struct Node {
    /// What it listens on and what it tells clients.
    pub listening: Vec<String>,
    pub directories: Vec<PathBuf>,
    pub cluster_id: String,
    pub node_id: i32,
    /// Where metrics are served, if they are.
    pub http: Option<std::net::SocketAddr>,
    broker: Arc<Broker>,
    partitions: Arc<Partitions>,
    controller: Arc<ControllerHandle>,
    registration: Arc<Registration>,
    network: Network,
    upkeep: Upkeep,
    heartbeats: Heartbeats,
    watch: JoinHandle<()>,
    http_server: Option<HttpServer>,
    ready: Arc<AtomicBool>,
    fatal: mpsc::Receiver<String>,
    clock: Arc<dyn Clock>,
    controlled_shutdown: bool,
}

impl Node {
    /// Starts a node. Runs on a tokio runtime, whose tasks then serve.
    ///
    /// # Errors
    /// What keeps it from serving, and what to do about it.
    pub async fn start(config: ServerConfig, world: World) -> Result<Self, StartError> {
        let node_id = node_id(&config)?;
        require_supported(&config, node_id)?;
        let endpoints = Endpoints::from_config(&config)?;
        // A taken port is found before anything is written.
        let bound = bind(&config, &endpoints)?;
        let storage = Storage::open(&config, node_id, &world.disk, world.random.as_ref())?;
        found(&config, &storage, &world)?;
        let advertised = advertised(&endpoints, &bound);
        let (fatal_sender, fatal) = mpsc::channel(1);
        let (controller, image) =
            start_controller(&config, &storage, &world, fatal_sender.clone())?;
        let controller = Arc::new(controller);
        let limits = limits(&config);
        let mut identity = Identity {
            node_id,
            cluster_id: storage.cluster_id.clone(),
            incarnation_id: Uuid::from_bytes(random_id(world.random.as_ref())),
            advertised,
            rack: config.text("broker.rack").map(str::to_owned),
            directories: Vec::new(),
        };
        let directories: Vec<PathBuf> =
            storage.directories.iter().map(|hosted| hosted.directory.path().to_owned()).collect();
        let (cluster_id, metadata_directory) =
            (storage.cluster_id.clone(), storage.metadata_directory.clone());
        let parts = Parts { config: &config, world: &world, node_id, image: &image };
        let (broker, partitions) = build_broker(&parts, storage, &controller)?;
        identity.directories = partitions.online_directory_ids();
        broker.load_logs(&image).map_err(|error| cannot_load(&error))?;
        broker.log_levels.begin(Arc::clone(&world.log_levels));
        controller.activate().await.map_err(stopped)?;
        let channel = Arc::clone(&controller) as _;
        let registered = Registration::register(channel, Arc::clone(&partitions), &identity);
        let registration = Arc::new(registered.await?);
        let watch =
            parts.watch(&partitions, &registration, metadata_directory).start(fatal_sender)?;
        follow(&controller, &broker, &registration, &limits).await;
        partitions.discard_unclaimed();
        let started = broker.cleaner.start().and_then(|()| broker.copiers.start(copiers(&config)));
        started.map_err(|error| StartError::new("cannot start the threads for logs", error))?;
        registration.unfenced().await?;
        wait_for_quick_logs(&partitions).await;
        let listening = listening(&identity.advertised, &bound);
        let network = Network::serve(bound, &broker, &limits, &network_options(&config));
        let ready = Arc::new(AtomicBool::new(true));
        let http_server = serve_http(&config, &broker, &limits, &ready).await?;
        let upkeep = Upkeep::start(Arc::clone(&broker), Arc::clone(&world.clock), &config)?;
        let heartbeats = heartbeats(&config, &registration)?;
        Ok(Self {
            listening,
            directories,
            cluster_id,
            node_id,
            http: http_server.as_ref().map(|server| server.address),
            broker,
            partitions,
            controller,
            registration,
            network,
            upkeep,
            heartbeats,
            watch,
            http_server,
            ready,
            fatal,
            clock: world.clock,
            controlled_shutdown: config.flag("controlled.shutdown.enable"),
        })
    }

    /// Resolves when the node can't go on, with the reason.
    pub async fn failed(&mut self) -> String {
        match self.fatal.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Stops in order: finishes what was accepted, flushes, leaves the clean-shutdown marker.
    pub async fn stop(self) {
        self.ready.store(false, Ordering::Release);
        let heartbeats = self.heartbeats;
        let _ = tokio::task::spawn_blocking(move || heartbeats.stop()).await;
        if self.controlled_shutdown {
            self.registration.leave(FINISH_PATIENCE).await;
        }
        self.broker.stop_coordinating();
        self.network.stop(FINISH_PATIENCE).await;
        let Self { upkeep, partitions, controller, registration, clock, broker, watch, .. } = self;
        let closing = tokio::task::spawn_blocking(move || {
            upkeep.stop();
            partitions.stop_directory_news();
            if watch.join().is_err() {
                tracing::error!("the thread of log directories panicked");
            }
            broker.cleaner.stop();
            broker.copiers.stop();
            controller.stop();
            partitions.shutdown(registration.epoch(), clock.now_ms());
            drop(broker);
        });
        if let Err(error) = closing.await {
            tracing::error!(%error, "closing the logs panicked");
        }
        if let Some(server) = self.http_server {
            server.stop().await;
        }
    }
}

fn heartbeats(
    config: &ServerConfig,
    registration: &Arc<Registration>,
) -> Result<Heartbeats, StartError> {
    let interval = millis(config.whole("broker.heartbeat.interval.ms"));
    Heartbeats::start(Arc::clone(registration), interval)
}

/// How many threads copy logs that move; `None`: one for each directory.
fn copiers(config: &ServerConfig) -> Option<usize> {
    let threads = config.number("num.replica.alter.log.dirs.threads")?;
    usize::try_from(threads).ok()
}

fn limits(config: &ServerConfig) -> Arc<Limits> {
    Limits::new(
        config.whole("max.connections"),
        config.whole("max.connections.per.ip"),
        config.text("max.connections.per.ip.overrides").unwrap_or_default(),
    )
}

/// Most starts open every log within moments; then nobody is turned away only to come again. Long
/// recoveries go on while the rest is served.
async fn wait_for_quick_logs(partitions: &Arc<Partitions>) {
    let partitions = Arc::clone(partitions);
    let waiting = tokio::task::spawn_blocking(move || {
        partitions.wait_for_quick_logs(QUICK_LOGS_PATIENCE);
    });
    if let Err(error) = waiting.await {
        tracing::error!(%error, "waiting for logs panicked");
    }
}

fn stopped(code: ottla_wire::ErrorCode) -> StartError {
    StartError::new("the controller does not answer", code.message())
}

fn node_id(config: &ServerConfig) -> Result<i32, StartError> {
    let id = config.number("node.id").filter(|id| *id >= 0).unwrap_or(1);
    i32::try_from(id).map_err(|_| {
        StartError::config("node.id", "is larger than 2147483647").hint("choose a smaller id")
    })
}

/// What this version can't do yet is refused, not ignored: the roles and quorums of a cluster.
fn require_supported(config: &ServerConfig, node_id: i32) -> Result<(), StartError> {
    let quorum = config.list("controller.quorum.bootstrap.servers");
    let roles = config.list("process.roles");
    if !roles.is_empty() && roles.len() != 2 {
        return Err(role_alone(&roles.join(","), &quorum));
    }
    let voters = config.list("controller.quorum.voters");
    let own = format!("{node_id}@");
    if voters.len() > 1 || voters.iter().any(|voter| !voter.starts_with(&own)) {
        return Err(StartError::config("controller.quorum.voters", voters.join(","))
            .hint("name this node alone: this version has a quorum of one"));
    }
    if quorum.len() > 1 {
        return Err(StartError::config("controller.quorum.bootstrap.servers", quorum.join(","))
            .hint("name this node's controller listener alone: this version has a quorum of one"));
    }
    Ok(())
}

/// As `config/broker.properties` and `config/controller.properties` of Apache's distribution have it.
fn role_alone(role: &str, quorum: &[String]) -> StartError {
    let primary = format!("a node that is only a {role} cannot be started yet");
    let detail = match quorum {
        [] => format!("process.roles={role}: this version runs broker and controller in one node"),
        _ => format!(
            "process.roles={role}, controller.quorum.bootstrap.servers={}: this version runs broker and \
             controller in one node, which needs no other",
            quorum.join(",")
        ),
    };
    StartError::new(primary, detail).hint(
        "set process.roles=broker,controller and give listeners a PLAINTEXT://host:port for clients; \
         or start with config/server.properties, which has both roles",
    )
}

fn bind(config: &ServerConfig, endpoints: &Endpoints) -> Result<Vec<Bound>, StartError> {
    let options = SocketOptions {
        send_buffer_bytes: buffer_bytes(config, "socket.send.buffer.bytes"),
        receive_buffer_bytes: buffer_bytes(config, "socket.receive.buffer.bytes"),
        backlog: i32::try_from(config.whole("socket.listen.backlog.size")).unwrap_or(i32::MAX),
    };
    let broker = endpoints.broker.iter().map(|endpoint| (endpoint, false));
    let controller = endpoints.controller.iter().map(|endpoint| (endpoint, true));
    broker
        .chain(controller)
        .map(|(endpoint, is_controller)| Bound::bind(endpoint.clone(), is_controller, options))
        .collect()
}

/// The size of a socket's buffer, where one was asked for. A size that is set is fixed for good, and
/// small for a fast connection: unasked, the system begins near Kafka's default and adapts it.
fn buffer_bytes(config: &ServerConfig, key: &str) -> Option<usize> {
    config.is_given(key).then(|| config.whole(key)).and_then(|bytes| usize::try_from(bytes).ok())
}

/// Port 0 was a wish for any port: clients are told the one that was bound.
fn advertised(endpoints: &Endpoints, bound: &[Bound]) -> Vec<crate::network::Endpoint> {
    let mut advertised = endpoints.advertised.clone();
    for endpoint in advertised.iter_mut().filter(|endpoint| endpoint.port == 0) {
        if let Some(listener) = bound.iter().find(|bound| bound.endpoint.name == endpoint.name) {
            endpoint.port = listener.port;
        }
    }
    advertised
}

/// Every listener for a person: its address, and what it advertises where that differs.
fn listening(advertised: &[crate::network::Endpoint], bound: &[Bound]) -> Vec<String> {
    let line = |bound: &Bound| {
        let mut own = bound.endpoint.clone();
        own.port = bound.port;
        let told = advertised.iter().find(|endpoint| endpoint.name == own.name);
        match told {
            Some(told) if *told != own => {
                format!("{own} (advertised as {}:{})", told.host, told.port)
            }
            _ => own.to_string(),
        }
    };
    bound.iter().map(line).collect()
}

/// Writes down who votes, in directories that were formatted just now.
fn found(config: &ServerConfig, storage: &Storage, world: &World) -> Result<(), StartError> {
    if !storage.is_new {
        return Ok(());
    }
    let founding = Founding {
        config,
        node_id: node_id(config)?,
        cluster_id: &storage.cluster_id,
        directory: &storage.metadata_directory,
        now_ms: world.clock.now_ms(),
    };
    founding.write(world.disk.as_ref(), world.random.as_ref())
}

fn start_controller(
    config: &ServerConfig,
    storage: &Storage,
    world: &World,
    fatal: mpsc::Sender<String>,
) -> Result<(ControllerHandle, Arc<MetadataImage>), StartError> {
    let node_id = node_id(config)?;
    let mut server = config.clone();
    // A quorum of one has no follower to show by an idle record that the log is alive.
    server.set_default("metadata.max.idle.interval.ms", "0");
    let mut settings = ControllerSettings::new(&storage.cluster_id, node_id, server);
    // Feature levels promise protocols: those that are not served yet stay at level 0.
    let is_served =
        |name: &str| [GROUP_VERSION, METADATA_VERSION, TRANSACTION_VERSION].contains(&name);
    settings.bootstrap_features.retain(|(name, _)| is_served(name));
    let asked =
        controller::bootstrap::feature_levels(world.disk.as_ref(), &storage.metadata_directory)?;
    for (name, level) in &mut settings.bootstrap_features {
        if let Some((_, asked)) = asked.iter().rfind(|(asked, _)| asked == name) {
            *level = *asked;
        }
    }
    let failed = move |error: controller::LogError| {
        tracing::error!(%error, "the metadata log is damaged: the node can't go on");
        let _ = fatal.try_send(error.to_string());
    };
    let source = controller::Source {
        disk: Arc::clone(&world.disk),
        directory: storage.metadata_directory.clone(),
        config: config.clone(),
        node_id,
        settings,
        clock: Arc::clone(&world.clock),
    };
    controller::start(source, Arc::clone(&world.random), failed)
}

/// What the broker's parts are built from.
struct Parts<'a> {
    config: &'a ServerConfig,
    world: &'a World,
    node_id: i32,
    image: &'a Arc<MetadataImage>,
}

impl Parts<'_> {
    fn watch(
        &self,
        partitions: &Arc<Partitions>,
        registration: &Arc<Registration>,
        metadata_directory: PathBuf,
    ) -> DirectoryWatch {
        DirectoryWatch {
            partitions: Arc::clone(partitions),
            registration: Arc::clone(registration),
            clock: Arc::clone(&self.world.clock),
            metadata_directory,
            failure_timeout: millis(self.config.whole("log.dir.failure.timeout.ms")),
        }
    }
}

type BrokerAndPartitions = (Arc<Broker>, Arc<Partitions>);

fn build_broker(
    parts: &Parts<'_>,
    storage: Storage,
    controller: &Arc<ControllerHandle>,
) -> Result<BrokerAndPartitions, StartError> {
    let Parts { config, world, node_id, image } = *parts;
    let file = Arc::new(config.values().clone());
    let values = BrokerValues::new(Arc::clone(&file), node_id, image);
    // Set at run time, it counts from the next start on.
    let recovery_threads = values.number("num.recovery.threads.per.data.dir").unwrap_or(1);
    let directories = storage.directories.into_iter();
    let hosting = Hosting {
        directories: directories
            .map(|open| HostedDirectory {
                log_directory: open.directory,
                id: open.id,
                name: open.name,
            })
            .collect(),
        absent: storage.absent,
        image: Arc::clone(image),
        placement: match config.text("ottla.log.dir.placement") {
            Some("bytes") => Placement::Bytes,
            _ => Placement::Partitions,
        },
        journal: JournalSize {
            files: usize::try_from(config.whole("ottla.journal.files")).unwrap_or(2),
            file_bytes: u64::try_from(config.whole("ottla.journal.file.bytes")).unwrap_or(1 << 20),
        },
        settings: SettingsSource { broker_id: node_id, file },
        recovery_threads: usize::try_from(recovery_threads).unwrap_or(1),
    };
    let touched = ottla_hosting::World {
        disk: Arc::clone(&world.disk),
        clock: Arc::clone(&world.clock),
        random: Arc::clone(&world.random),
    };
    let partitions = Partitions::new(hosting, touched).map_err(|error| cannot_load(&error))?;
    let partitions = Arc::new(partitions);
    let groups = Arc::new(GroupCoordinators::new(
        tokio::runtime::Handle::current(),
        Arc::clone(&world.clock),
        group_config(config, node_id),
        LogTerms::of_groups(&values),
    ));
    let markers =
        MarkerWriter::new(Arc::clone(&partitions), Arc::clone(&groups), Arc::clone(&world.clock));
    let transactions = TransactionCoordinators::new(TransactionParts {
        runtime: tokio::runtime::Handle::current(),
        clock: Arc::clone(&world.clock),
        config: transaction_config(config, image),
        terms: LogTerms::of_transactions(&values),
        markers: Arc::new(markers),
    });
    let broker = Arc::new(Broker::new(BrokerParts {
        node_id,
        cluster_id: storage.cluster_id,
        settings: Settings::new(values),
        clock: Arc::clone(&world.clock),
        random: Arc::clone(&world.random),
        controller: Arc::clone(controller) as _,
        partitions: Arc::clone(&partitions),
        groups,
        transactions: Arc::new(transactions),
    }));
    Ok((broker, partitions))
}

fn cannot_load(error: &LoadError) -> StartError {
    StartError::caused("cannot load the logs", error)
        .hint("look at the log above for the partition and file at fault")
}

fn group_config(config: &ServerConfig, node_id: i32) -> ottla_coordinator::Config {
    let int = |name: &str| i32::try_from(config.whole(name)).unwrap_or(i32::MAX);
    ottla_coordinator::Config {
        group_min_session_timeout_ms: int("group.min.session.timeout.ms"),
        group_max_session_timeout_ms: int("group.max.session.timeout.ms"),
        group_initial_rebalance_delay_ms: int("group.initial.rebalance.delay.ms"),
        group_max_size: int("group.max.size"),
        consumer: consumer_config(config, node_id),
        offset_metadata_max_bytes: int("offset.metadata.max.bytes"),
        offsets_retention_minutes: int("offsets.retention.minutes"),
        offsets_retention_check_interval_ms: config.whole("offsets.retention.check.interval.ms"),
    }
}

fn consumer_config(config: &ServerConfig, node_id: i32) -> ConsumerConfig {
    let int = |name: &str| i32::try_from(config.whole(name)).unwrap_or(i32::MAX);
    let policy = config.text("group.consumer.migration.policy");
    let names = config.list("group.consumer.assignors");
    ConsumerConfig {
        broker_id: node_id,
        session_timeout_ms: int("group.consumer.session.timeout.ms"),
        heartbeat_interval_ms: int("group.consumer.heartbeat.interval.ms"),
        max_size: int("group.consumer.max.size"),
        assignors: names.iter().filter_map(|name| Assignor::of_name(name)).collect(),
        migration: policy.and_then(Migration::of_name).unwrap_or(Migration::Bidirectional),
        assignment_interval_ms: int("group.consumer.assignment.interval.ms"),
        regex_refresh_interval_ms: int("group.consumer.regex.refresh.interval.ms"),
    }
}

fn transaction_config(
    config: &ServerConfig,
    image: &MetadataImage,
) -> ottla_coordinator::transaction::Config {
    let int = |name: &str| i32::try_from(config.whole(name)).unwrap_or(i32::MAX);
    ottla_coordinator::transaction::Config {
        max_timeout_ms: int("transaction.max.timeout.ms"),
        id_expiration_ms: int("transactional.id.expiration.ms"),
        abort_interval_ms: int("transaction.abort.timed.out.transaction.cleanup.interval.ms"),
        expiry_interval_ms: int("transaction.remove.expired.transaction.cleanup.interval.ms"),
        two_phase_commit: config.flag("transaction.two.phase.commit.enable"),
        transaction_version: image.feature_level(TRANSACTION_VERSION),
    }
}

/// Has the broker told of every change of the metadata, from now on and from the beginning.
async fn follow(
    controller: &ControllerHandle,
    broker: &Arc<Broker>,
    registration: &Arc<Registration>,
    limits: &Arc<Limits>,
) {
    let (broker, registration) = (Arc::clone(broker), Arc::clone(registration));
    let limits = Arc::clone(limits);
    let publish = move |image: &Arc<MetadataImage>, delta: &ottla_metadata::MetadataDelta| {
        broker.publish(image, delta);
        registration.read_up_to(image.provenance.offset);
        let number = |name: &str| broker.setting(name).and_then(|value| value.parse().ok());
        limits.update(
            number("max.connections").unwrap_or(i64::MAX),
            number("max.connections.per.ip").unwrap_or(i64::MAX),
            &broker.setting("max.connections.per.ip.overrides").unwrap_or_default(),
        );
    };
    controller.subscribe(Box::new(publish)).await;
}

fn network_options(config: &ServerConfig) -> NetworkOptions {
    NetworkOptions {
        request_bytes_max: usize::try_from(config.whole("socket.request.max.bytes")).unwrap_or(0),
        idle: millis(config.whole("connections.max.idle.ms")),
        queued_bytes_max: config.whole("queued.max.request.bytes"),
    }
}

async fn serve_http(
    config: &ServerConfig,
    broker: &Arc<Broker>,
    limits: &Arc<Limits>,
    ready: &Arc<AtomicBool>,
) -> Result<Option<HttpServer>, StartError> {
    let Some(listener) = config.text("ottla.http.listener").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let vitals = NodeVitals {
        broker: Arc::clone(broker),
        limits: Arc::clone(limits),
        ready: Arc::clone(ready),
    };
    HttpServer::start(listener, Arc::new(vitals)).await.map(Some)
}

/// Negative: as long as a timer can wait.
fn millis(value: i64) -> Duration {
    let most = Duration::from_secs(365 * 24 * 60 * 60);
    u64::try_from(value).map_or(most, |value| Duration::from_millis(value).min(most))
}
