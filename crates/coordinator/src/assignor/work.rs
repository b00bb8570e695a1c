//! What is to be shared out, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_wire::Uuid;

use super::{mixed, range, uniform};
use crate::consumer::Assignment;

/// A member and what it has so far.
#[derive(Clone, Debug)]
pub(crate) struct Subscriber {
    pub(crate) instance_id: Option<String>,
    /// Only topics that exist.
    pub(crate) topics: Arc<BTreeSet<Uuid>>,
    pub(crate) current: Arc<Assignment>,
}

/// What is to be shared out.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) members: BTreeMap<String, Subscriber>,
    /// How many partitions each topic has.
    pub(crate) partitions: BTreeMap<Uuid, i32>,
    /// Whether all members subscribe to the same topics.
    pub(crate) is_homogeneous: bool,
}

/// An assignor that the broker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    Uniform,
    Range,
}

impl Assignor {
    /// The assignor for a name as clients give it, or for its class in Apache Kafka.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        const PACKAGE: &str = "org.apache.kafka.coordinator.group.assignor.";
        match name.strip_prefix(PACKAGE).unwrap_or(name) {
            "uniform" | "UniformAssignor" => Some(Self::Uniform),
            "range" | "RangeAssignor" => Some(Self::Range),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
        }
    }

    /// What each member is to own.
    pub(crate) fn assign(self, work: &Work) -> BTreeMap<String, Assignment> {
        match self {
            Self::Range => range::assign(work),
            Self::Uniform if work.is_homogeneous => uniform::assign(work),
            Self::Uniform => mixed::assign(work),
        }
    }
}

impl Work {
    pub(super) fn partition_count(&self, topic: &Uuid) -> i32 {
        self.partitions.get(topic).copied().unwrap_or(0)
    }
}
