//! Record data inside a message: here, or kept elsewhere until it is sent.

use bytes::Bytes;

/// The content of a `records` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// The batches themselves.
    Bytes(Bytes),
    /// Batches that whoever sends the message puts into the gap, with `sendfile` for example.
    Slot {
        /// Which of the sender's pieces it is.
        index: u32,
        /// Its length in bytes.
        len: u32,
    },
}

impl Records {
    /// The length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Records::Bytes(bytes) => bytes.len(),
            Records::Slot { len, .. } => *len as usize,
        }
    }

    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The batches, unless they are kept elsewhere.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Records::Bytes(bytes) => Some(bytes),
            Records::Slot { .. } => None,
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Records::Bytes(bytes)
    }
}
