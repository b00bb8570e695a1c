//! What a run may take of memory and of the disk.

/// Memory that one run may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CleanerMemory {
    /// `log.cleaner.dedupe.buffer.size` of one thread.
    pub dedupe_bytes: usize,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size` of one thread. A batch that is larger is read all the same.
    pub io_bytes: usize,
}

impl Default for CleanerMemory {
    fn default() -> CleanerMemory {
        CleanerMemory { dedupe_bytes: 128 << 20, load_factor: 0.9, io_bytes: 512 << 10 }
    }
}

/// Told of the bytes that a run reads and writes, before it goes on: the place to hold it back.
pub trait Pace {
    /// So many bytes more. False: the run is to stop.
    fn spend(&self, bytes: u64) -> bool;
}

/// As fast as the disk is.
#[derive(Clone, Copy, Debug)]
pub struct FullSpeed;

impl Pace for FullSpeed {
    fn spend(&self, _bytes: u64) -> bool {
        true
    }
}
