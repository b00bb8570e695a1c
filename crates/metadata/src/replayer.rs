//! Follows a metadata log: batches in, deltas out.
//!
//! Records between begin and end of a metadata transaction become visible together, or not at all
//! (KIP-868). A snapshot replaces everything.

use ottla_wire::messages::MetadataRecord;

use crate::delta::MetadataDelta;
use crate::image::{ApplyError, MetadataImage, Provenance};

/// Where a reader of the metadata log is.
#[derive(Clone, Debug, Default)]
pub struct Replayer {
    image: MetadataImage,
    /// Records of a transaction whose end has not been read.
    open: Option<MetadataDelta>,
}

impl Replayer {
    /// Begins after an image.
    #[must_use]
    pub fn new(image: MetadataImage) -> Self {
        Self { image, open: None }
    }

    /// The last image that may be seen.
    #[must_use]
    pub fn image(&self) -> &MetadataImage {
        &self.image
    }

    /// Takes in the records of one committed batch, of which `provenance` tells the last one.
    /// Returns the delta that may be published, unless a transaction is open.
    ///
    /// # Errors
    /// [`ApplyError`] when a record does not fit: the log cannot be followed any further.
    pub fn batch<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a MetadataRecord>,
        provenance: Provenance,
    ) -> Result<Option<MetadataDelta>, ApplyError> {
        let mut settled = MetadataDelta::new(self.image.clone());
        for record in records {
            match record {
                MetadataRecord::BeginTransaction(_) => {
                    self.open = Some(MetadataDelta::new(settled.next().clone()));
                }
                MetadataRecord::EndTransaction(_) => {
                    if let Some(open) = self.open.take() {
                        settled = MetadataDelta::between(self.image.clone(), open.next().clone());
                    }
                }
                MetadataRecord::AbortTransaction(_) => self.open = None,
                other => self.open.as_mut().unwrap_or(&mut settled).apply(other)?,
            }
        }
        self.image = settled.image(provenance);
        let is_news = self.open.is_none() || !settled.changes().is_empty();
        Ok(is_news.then_some(settled))
    }

    /// Replaces everything by a snapshot's records, of which `provenance` tells the last one.
    ///
    /// # Errors
    /// [`ApplyError`] when a record does not fit: the snapshot is damaged.
    pub fn snapshot<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a MetadataRecord>,
        provenance: Provenance,
    ) -> Result<MetadataDelta, ApplyError> {
        let mut next = MetadataImage::empty();
        for record in records {
            next.apply(record)?;
        }
        next.provenance = provenance;
        let delta = MetadataDelta::between(self.image.clone(), next.clone());
        self.image = next;
        self.open = None;
        Ok(delta)
    }
}
