//! What the controller is asked, what it answers, and what it is told at the start.

use ottla_metadata::config::ServerConfig;
use ottla_metadata::version::BOOTSTRAP_FEATURES;
use ottla_wire::ApiKey;
use ottla_wire::messages::{RequestBody as WireRequest, ResponseBody};

/// A question, and the facts that the controller may not find out by itself.
#[derive(Clone, Debug)]
pub struct Request {
    pub body: RequestBody,
    /// Random bits, drawn by the caller: ids and placements come from them.
    pub seed: [u64; 2],
}

/// A question.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// Begin to lead: an empty log gets its first records, every broker a fresh session.
    /// The first question after a load.
    Activate,
    /// A request of the protocol, and the version in which it came.
    Call { body: WireRequest, version: i16 },
}

impl Request {
    /// A request of the protocol.
    #[must_use]
    pub fn call(body: impl Into<WireRequest>, version: i16, seed: [u64; 2]) -> Self {
        Self { body: RequestBody::Call { body: body.into(), version }, seed }
    }

    /// The first question after a load.
    #[must_use]
    pub fn activate(seed: [u64; 2]) -> Self {
        Self { body: RequestBody::Activate, seed }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// The controller leads.
    Activated,
    /// The response of the protocol.
    Body(ResponseBody),
    /// Not a request that a controller decides.
    NotDecidedHere(ApiKey),
}

impl Response {
    /// The protocol's response, if this is one.
    #[must_use]
    pub fn into_body(self) -> Option<ResponseBody> {
        match self {
            Self::Body(body) => Some(body),
            Self::Activated | Self::NotDecidedHere(_) => None,
        }
    }
}

/// What a controller is told at the start and never changes.
#[derive(Clone, Debug)]
pub struct Settings {
    pub cluster_id: String,
    pub node_id: i32,
    /// The node's own configuration: defaults for topics, time-outs, switches.
    pub server: ServerConfig,
    /// Feature levels that an empty log begins with.
    pub bootstrap_features: Vec<(String, i16)>,
}

impl Settings {
    /// Settings for a cluster that begins with the newest feature levels.
    #[must_use]
    pub fn new(cluster_id: &str, node_id: i32, server: ServerConfig) -> Self {
        let features = BOOTSTRAP_FEATURES.iter();
        Self {
            cluster_id: cluster_id.to_owned(),
            node_id,
            server,
            bootstrap_features: features
                .map(|(name, level)| ((*name).to_owned(), *level))
                .collect(),
        }
    }
}
