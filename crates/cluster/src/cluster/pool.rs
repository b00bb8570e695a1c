//! Connections by broker, opened once however many ask at the same time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla_world::Random;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::retry::Backoff;
use crate::config::ClientConfig;
use crate::connection::{Connection, Network};
use crate::error::Error;

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    /// Everything but groups and transactions.
    Data,
    /// Groups and transactions.
    Coordination,
}

pub(super) struct Pool {
    config: Arc<ClientConfig>,
    random: Arc<dyn Random>,
    network: Arc<dyn Network>,
    places: Mutex<HashMap<(String, Purpose), Arc<Place>>>,
    closed: AtomicBool,
}

/// Where the connection to one broker stands, or is being made.
#[derive(Default)]
struct Place {
    /// Readable without waiting; set by whoever holds `dialing`.
    open: Mutex<Option<Connection>>,
    dialing: tokio::sync::Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    count: u32,
    not_before: Option<Instant>,
}

impl Pool {
    pub(super) fn new(
        config: Arc<ClientConfig>,
        random: Arc<dyn Random>,
        network: Arc<dyn Network>,
    ) -> Self {
        let (places, closed) = (Mutex::default(), AtomicBool::new(false));
        Self { config, random, network, places, closed }
    }

    /// The connection to `address`, opened if need be, not sooner than `reconnect.backoff.ms` allows.
    pub(super) async fn get(&self, address: &str, purpose: Purpose) -> Result<Connection, Error> {
        let place = self.place(address, purpose);
        if let Some(connection) = usable(&place) {
            return Ok(connection);
        }
        let mut failures = place.dialing.lock().await;
        if let Some(connection) = usable(&place) {
            return Ok(connection);
        }
        if let Some(not_before) = failures.not_before {
            tokio::time::sleep_until(not_before).await;
        }
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        match Connection::open(&*self.network, address, &self.config).await {
            Ok(connection) => {
                *failures = Failures::default();
                *place.open.lock() = Some(connection.clone());
                // A close that happened meanwhile did not see this connection.
                if self.closed.load(Ordering::Acquire) {
                    connection.close(Error::Closed);
                }
                Ok(connection)
            }
            Err(error) => {
                failures.count += 1;
                let backoff =
                    Backoff::new(self.config.reconnect_backoff, self.config.reconnect_backoff_max);
                let pause = backoff.after(failures.count, self.random.next_u64());
                failures.not_before = Some(Instant::now() + pause);
                Err(error)
            }
        }
    }

    /// Of the open connections to `addresses`, the one with the fewest unanswered requests.
    pub(super) fn least_busy(&self, addresses: &[String]) -> Option<Connection> {
        let places = self.places.lock();
        addresses
            .iter()
            .filter_map(|address| usable(places.get(&(address.clone(), Purpose::Data))?))
            .min_by_key(Connection::in_flight)
    }

    /// Tries `addresses` in random order; `None` if there are none.
    pub(super) async fn first_reachable(
        &self,
        mut addresses: Vec<String>,
    ) -> Option<Result<Connection, Error>> {
        let mut last = None;
        while !addresses.is_empty() {
            let chosen = self.random.below(addresses.len() as u64) as usize;
            let address = addresses.swap_remove(chosen);
            match self.get(&address, Purpose::Data).await {
                Ok(connection) => return Some(Ok(connection)),
                Err(error) => last = Some(Err(error)),
            }
        }
        last
    }

    /// Drops connections to brokers that are no longer at `addresses`.
    pub(super) fn retain(&self, addresses: &[String]) {
        self.places.lock().retain(|(address, _), place| {
            addresses.contains(address) || usable(place).is_some_and(|open| open.in_flight() > 0)
        });
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for (_, place) in self.places.lock().drain() {
            if let Some(connection) = place.open.lock().take() {
                connection.close(Error::Closed);
            }
        }
    }

    fn place(&self, address: &str, purpose: Purpose) -> Arc<Place> {
        let mut places = self.places.lock();
        Arc::clone(places.entry((address.to_owned(), purpose)).or_default())
    }
}

fn usable(place: &Place) -> Option<Connection> {
    let mut open = place.open.lock();
    if open.as_ref().is_some_and(Connection::is_closed) {
        *open = None;
    }
    open.clone()
}
