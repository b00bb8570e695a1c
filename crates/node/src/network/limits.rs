//! `max.connections`, `max.connections.per.ip` and its overrides.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// How many connections there are, and may be. The limits can change while the node runs.
#[derive(Debug)]
pub struct Limits {
    state: Mutex<State>,
    /// Told when a connection ends or a limit changes.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    most: usize,
    most_per_address: usize,
    overrides: HashMap<IpAddr, usize>,
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub struct Place {
    limits: Arc<Limits>,
    address: IpAddr,
}

impl Limits {
    /// Limits as configured; `overrides` holds `host:count` items.
    #[must_use]
    pub fn new(most: i64, most_per_address: i64, overrides: &str) -> Arc<Self> {
        let state = State {
            most: usize::try_from(most).unwrap_or(usize::MAX),
            most_per_address: usize::try_from(most_per_address).unwrap_or(usize::MAX),
            overrides: parse_overrides(overrides),
            total: 0,
            by_address: HashMap::new(),
        };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    /// Changes the limits; connections that exist stay.
    pub fn update(&self, most: i64, most_per_address: i64, overrides: &str) {
        let overrides = parse_overrides(overrides);
        let mut state = self.state.lock();
        state.most = usize::try_from(most).unwrap_or(usize::MAX);
        state.most_per_address = usize::try_from(most_per_address).unwrap_or(usize::MAX);
        state.overrides = overrides;
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits until one more connection fits.
    pub async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.state.lock();
                if state.total < state.most {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Takes a place for a connection from `address`; `None` when that address has its share.
    #[must_use]
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut state = self.state.lock();
        let most = *state.overrides.get(&address).unwrap_or(&state.most_per_address);
        let count = state.by_address.entry(address).or_default();
        if *count >= most {
            if *count == 0 {
                state.by_address.remove(&address);
            }
            return None;
        }
        *count += 1;
        state.total += 1;
        Some(Place { limits: Arc::clone(self), address })
    }

    /// Connections now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state.lock().total
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.limits.state.lock();
        state.total -= 1;
        if let Some(count) = state.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                state.by_address.remove(&self.address);
            }
        }
        drop(state);
        self.limits.changed.notify_waiters();
    }
}

fn parse_overrides(text: &str) -> HashMap<IpAddr, usize> {
    let mut overrides = HashMap::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let Some((host, count)) = item.rsplit_once(':') else { continue };
        let Ok(count) = count.trim().parse::<usize>() else { continue };
        let host = host.trim_matches(['[', ']']);
        if let Ok(addresses) = (host, 0).to_socket_addrs() {
            overrides.extend(addresses.map(|address| (address.ip().to_canonical(), count)));
        }
    }
    overrides
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn an_address_gets_its_share_and_no_more() {
        let limits = Limits::new(100, 1, "127.0.0.2:2");
        let first = limits.enter(A).expect("the first");
        assert!(limits.enter(A).is_none());
        let _others = [limits.enter(B).expect("one"), limits.enter(B).expect("two")];
        assert!(limits.enter(B).is_none());
        drop(first);
        assert!(limits.enter(A).is_some());
    }

    #[test]
    fn accepting_waits_for_room() {
        let limits = Limits::new(1, 100, "");
        let place = limits.enter(A).expect("fits");
        let mut room = pin!(limits.room());
        let mut context = Context::from_waker(Waker::noop());
        assert!(room.as_mut().poll(&mut context).is_pending());
        drop(place);
        assert!(room.as_mut().poll(&mut context).is_ready());
        assert_eq!(limits.count(), 0);
    }
}
