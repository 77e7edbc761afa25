//! The sentences of the papers, each as a test.

use super::table::{Table, View, members, slot_of};
use super::*;

fn config() -> Config {
    Config {
        placement: Scheme::Ring,
        vnodes: 8,
        replicas: 3,
        strong: 0,
        load_bound: 0,
        gossip: Span::ms(100),
        rules: Rules {
            consistent: true,
            hand_over: true,
            stop_first: true,
            distinct: true,
            owner_reads: true,
        },
    }
}

fn view(nodes: u16) -> View {
    View {
        joined: (0..nodes).map(NodeId).collect(),
        ..View::default()
    }
}

/// Dynamo §4.2: each key is assigned by "walking the ring clockwise to find the first node with a position larger than
/// the item's position". Slots are fine enough not to change that: tokens stand at their ends.
#[test]
fn a_slot_belongs_to_the_first_token_clockwise() {
    let table = Table::new(&config(), &view(5));
    let ring = table.ring.clone().expect("it is a ring");
    for number in 0..500 {
        let key = Key::numbered(number);
        let at = table::position(key);
        assert_eq!(table.owner(slot_of(key)), ring.owner(at), "{key}");
        assert_eq!(
            table.list(slot_of(key)),
            ring.preference_list(at, 3),
            "{key}"
        );
    }
}

#[test]
fn every_slot_has_one_owner_under_every_scheme() {
    for placement in Scheme::ALL {
        let table = Table::new(
            &Config {
                placement,
                ..config()
            },
            &view(7),
        );
        let sets = (0..7).map(|it| table.slots_of(NodeId(it)));
        assert_eq!(
            sets.map(|it| it.len()).sum::<u32>(),
            u32::from(SLOTS),
            "{placement:?}"
        );
    }
}

/// Mirrokni et al. §1: no bin gets more than ⌈c m/n⌉.
#[test]
fn bounded_loads_hold_for_slots() {
    let config = Config {
        vnodes: 1,
        load_bound: 1_250,
        ..config()
    };
    let table = Table::new(&config, &view(5));
    let most = (0..5).map(|it| table.slots_of(NodeId(it)).len()).max();
    assert_eq!(most, Some(256));
    assert_eq!(
        members(
            &Config {
                strong: 1,
                ..config
            },
            &view(2)
        )[0]
        .1,
        2
    );
}

#[test]
fn views_merge_in_any_order() {
    let (mut one, mut two) = (view(3), view(4));
    one.left.insert(NodeId(1));
    two.gone.insert(NodeId(2));
    let both = one.merge(&two);
    assert_eq!(both, two.merge(&one));
    assert_eq!(both, both.merge(&one));
    let left: Vec<NodeId> = both.members().collect();
    assert_eq!(
        (left, both.version()),
        (vec![NodeId(0), NodeId(2), NodeId(3)], 5)
    );
}

#[test]
fn a_parcel_is_taken_once_in_whatever_order() {
    let mut exchange = Exchange::default();
    for number in [2, 1, 4] {
        assert!(!exchange.has(number));
        exchange.take(number);
        assert!(exchange.has(number));
    }
    assert_eq!(
        (exchange.received, exchange.has(3), exchange.has(2)),
        (2, false, true)
    );
}
