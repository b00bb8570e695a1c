//! Many connections, watched together by one thread.

use anyhow::{Context, Result, bail};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

/// Events that are taken at once.
const EVENTS_MAX: usize = 256;

/// A connection and what of an answer has come.
#[derive(Debug)]
pub struct Lane {
    pub stream: TcpStream,
    pub received: Vec<u8>,
}

/// Opens connections.
pub fn open(bootstrap: &str, count: usize) -> Result<Vec<Lane>> {
    let lane = |_| {
        let stream = TcpStream::connect(bootstrap).context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Lane { stream, received: Vec::new() })
    };
    (0..count).map(lane).collect()
}

/// Tells which connections have something to read.
pub struct Watch {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Watch {
    /// Watches connections; each is known by its place.
    pub fn new(lanes: &[Lane]) -> Result<Watch> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (place, lane) in lanes.iter().enumerate() {
            let data = epoll::EventData::new_u64(place as u64);
            epoll::add(&epoll, &lane.stream, data, epoll::EventFlags::IN)?;
        }
        Ok(Watch { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// The places of the connections that have something to read, up to `patience` from now.
    pub fn ready(&mut self, patience: Duration) -> Result<Vec<usize>> {
        self.events.clear();
        let timeout = Timespec::try_from(patience)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        }
        let places = self.events.iter().map(|event| usize::try_from(event.data.u64()));
        Ok(places.collect::<Result<_, _>>()?)
    }
}

impl Lane {
    /// Reads what is there. Blocks when nothing is.
    pub fn read(&mut self, scratch: &mut [u8]) -> Result<()> {
        let count = self.stream.read(scratch)?;
        if count == 0 {
            bail!("the server closed a connection");
        }
        self.received.extend_from_slice(&scratch[..count]);
        Ok(())
    }

    /// Hands over each complete frame, without its length.
    pub fn frames(&mut self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<usize> {
        let (mut at, mut count) = (0, 0);
        while let Some(prefix) = self.received[at..].first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*prefix))?;
            let Some(frame) = self.received.get(at + 4..at + 4 + length) else { break };
            take(frame)?;
            at += 4 + length;
            count += 1;
        }
        self.received.drain(..at);
        Ok(count)
    }
}
