//! The values of one broker at one moment, in their layers.
//!
//! What is set at run time is shared with the image it comes from: a copy costs nothing.

use std::sync::Arc;

use super::broker::{find, synonyms};
use super::resolve::{self, Layers, Values};
use crate::MetadataImage;
use crate::image::ConfigResource;

/// One broker's values: its file, and what was set for it and for all brokers.
#[derive(Clone, Debug)]
pub struct BrokerValues {
    file: Arc<Values>,
    own: Arc<Values>,
    cluster: Arc<Values>,
}

impl BrokerValues {
    /// The values of broker `node_id`: `file` is its properties file and command line, the rest is what
    /// an image has.
    #[must_use]
    pub fn new(file: Arc<Values>, node_id: i32, image: &MetadataImage) -> Self {
        let set = |resource| image.configs.get(&resource).cloned().unwrap_or_default();
        Self {
            file,
            own: set(ConfigResource::broker(node_id)),
            cluster: set(ConfigResource::all_brokers()),
        }
    }

    /// The properties file and command line.
    #[must_use]
    pub fn file(&self) -> &Arc<Values> {
        &self.file
    }

    /// What was set for all brokers at run time.
    #[must_use]
    pub fn cluster(&self) -> &Values {
        &self.cluster
    }

    /// The layers that topic and broker values come from.
    #[must_use]
    pub fn layers(&self) -> Layers<'_> {
        Layers { broker: Some(&self.own), cluster: Some(&self.cluster), file: &self.file }
    }

    /// The value in force of a key; `None` when it has neither a value nor a default, or there is no such
    /// key.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let layers = resolve::broker(&find(name)?.key, synonyms(name), self.layers());
        layers.into_iter().next().and_then(|layer| layer.value)
    }

    /// A whole number that is in force; `None` as for [`BrokerValues::text`], or when it is none.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(|value| value.trim().parse().ok())
    }

    /// Whether a key was set at run time.
    #[must_use]
    pub fn is_dynamic(&self, name: &str) -> bool {
        self.own.contains_key(name) || self.cluster.contains_key(name)
    }
}
