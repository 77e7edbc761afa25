//! Clients: they ask, wait, ask again, and at last give up, not knowing. What they saw is the history.

use serde::Serialize;

use crate::exhibit::Exhibit;
use crate::frame::{ClientView, End};
use crate::protocol::{ClientId, NodeId, RequestId};
use crate::trace::NO_EVENT;

use super::rng::{Rng, Stream};
use super::time::Time;

/// Requests by hand come from clients numbered from here, a new one for each.
pub const MANUAL_FROM: u16 = 1_000;

/// A client that gave up goes on under its number plus this.
const NEW_IDENTITY: u32 = 10_000;

/// A request without an answer, for checks.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pending {
    /// Who asks.
    pub client: ClientId,
    /// What.
    pub request: String,
    /// Since when.
    pub since: Time,
}

/// A request under way.
pub struct Asking<P: Exhibit> {
    /// What is asked.
    pub request: P::Request,
    /// When it began.
    pub since: Time,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Whether the present try has had no answer of any kind yet.
    pub waiting: bool,
    /// Whether an earlier try may have been carried out without the client learning of it.
    pub uncertain: bool,
    /// When the client gives up.
    pub until: Time,
}

impl<P: Exhibit> Clone for Asking<P> {
    fn clone(&self) -> Asking<P> {
        Asking {
            request: self.request.clone(),
            since: self.since,
            attempt: self.attempt,
            waiting: self.waiting,
            uncertain: self.uncertain,
            until: self.until,
        }
    }
}

/// A client: one request at a time.
pub struct Client<P: Exhibit> {
    /// Its place among the clients; [`MANUAL_FROM`] on for requests by hand.
    pub slot: u16,
    /// How often it gave up and took a new identity.
    pub lives: u32,
    /// The number of its last request under this identity.
    pub sequence: u32,
    /// The node it asks.
    pub target: NodeId,
    /// What it waits for.
    pub asking: Option<Asking<P>>,
    /// What it was told last.
    pub told: Option<String>,
    /// The plan for its alarm: to ask, to ask again, or to give up.
    pub alarm: Option<u64>,
    /// Its last event, which causes the next.
    pub event: u32,
    /// What it draws.
    pub rng: Rng,
    /// What the network draws for what it sends.
    pub wire: Rng,
}

impl<P: Exhibit> Clone for Client<P> {
    fn clone(&self) -> Client<P> {
        Client {
            slot: self.slot,
            lives: self.lives,
            sequence: self.sequence,
            target: self.target,
            asking: self.asking.clone(),
            told: self.told.clone(),
            alarm: self.alarm,
            event: self.event,
            rng: self.rng.clone(),
            wire: self.wire.clone(),
        }
    }
}

impl<P: Exhibit> Client<P> {
    /// A client that has not asked yet.
    pub fn new(seed: u64, slot: u16, target: NodeId) -> Client<P> {
        Client {
            slot,
            lives: 0,
            sequence: 0,
            target,
            asking: None,
            told: None,
            alarm: None,
            event: NO_EVENT,
            rng: Rng::stream(seed, Stream::Client(slot.into())),
            wire: Rng::stream(seed, Stream::ClientWire(slot.into())),
        }
    }

    /// Whether a person asks through it.
    pub fn is_manual(&self) -> bool {
        self.slot >= MANUAL_FROM
    }

    /// Who it says it is. A client that gave up must not be taken for its former self: its open request may still
    /// take effect.
    pub fn identity(&self) -> ClientId {
        ClientId(u32::from(self.slot) + self.lives * NEW_IDENTITY)
    }

    /// The client's place on the stage and in the trace.
    pub fn end(&self) -> End {
        End::Client(ClientId(self.slot.into()))
    }

    /// The slot of the client with this identity.
    pub fn slot_of(identity: ClientId) -> u16 {
        (identity.0 % NEW_IDENTITY) as u16
    }

    /// The name of the present try of the present request.
    pub fn request_id(&self) -> RequestId {
        let attempt = self.asking.as_ref().map_or(0, |it| it.attempt);
        RequestId {
            client: self.identity(),
            sequence: self.sequence,
            attempt,
        }
    }

    /// What it waits for.
    pub fn pending(&self) -> Option<Pending> {
        let asking = self.asking.as_ref()?;
        Some(Pending {
            client: self.identity(),
            request: asking.request.to_string(),
            since: asking.since,
        })
    }

    /// As data.
    pub fn view(&self) -> ClientView {
        ClientView {
            id: ClientId(self.slot.into()),
            name: crate::exhibit::client_name(ClientId(self.slot.into())),
            asking: self.asking.as_ref().map(|it| it.request.to_string()),
            target: self.asking.as_ref().map(|_| self.target),
            told: self.told.clone(),
        }
    }
}
