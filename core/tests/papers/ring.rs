//! Consistent hashing: the vectors of jump hash, how evenly virtual nodes share a ring, and how many keys move.

use clusterscope_core::parts::hashing::jump;
use clusterscope_core::parts::placement::{MAGLEV_SIZE, Placement, Scheme, unevenness};
use clusterscope_core::parts::ring::Ring;
use clusterscope_core::protocol::NodeId;
use clusterscope_core::sim::rng::mix;

/// So many keys are placed.
const KEYS: u64 = 100_000;

fn members(count: u16) -> Vec<(NodeId, u32)> {
    (0..count).map(|it| (NodeId(it), 1)).collect()
}

/// Lamping and Veach 2014, as the implementations that followed it agree.
#[test]
fn jump_hash_agrees_to_the_bit() {
    let twenty = [
        0, 55, 62, 8, 45, 59, 86, 97, 82, 59, 73, 37, 17, 56, 86, 21, 90, 37, 38, 83,
    ];
    let found: Vec<u32> = (0..20).map(|key| jump(key, 100)).collect();
    assert_eq!(found, twenty);
    for (key, buckets, bucket) in [
        (10_863_919_174_838_991, 11, 6),
        (2_016_238_256_797_177_309, 11, 3),
        (1_673_758_223_894_951_030, 11, 5),
        (2, 100_001, 80_343),
        (2_201, 100_001, 22_152),
        (2_202, 100_001, 15_018),
    ] {
        assert_eq!(jump(key, buckets), bucket, "{key} of {buckets}");
    }
    let growing = |key| (1..20).map(|it| jump(key, it)).collect::<Vec<u32>>();
    assert_eq!(
        growing(1),
        [0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 17, 17]
    );
    assert_eq!(
        growing(0xdead_beef),
        [0, 1, 2, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 16, 16, 16]
    );
    assert_eq!(
        growing(0x0ddc_0ffe_ebad_f00d),
        [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 15, 15, 15, 15]
    );
}

/// The deviation of exact arcs in parts of the mean (rms over rings), and the mean of the largest and the smallest.
fn arcs(nodes: u16, vnodes: u32, rings: u64) -> (f64, f64, f64) {
    let (mut square, mut most, mut least) = (0.0, 0.0, 0.0);
    for salt in 0..rings {
        let ring = Ring::salted(&members(nodes), vnodes, salt);
        let loads: Vec<f64> = ring
            .shares()
            .iter()
            .map(|it| it.1 * f64::from(nodes))
            .collect();
        assert!((loads.iter().sum::<f64>() / f64::from(nodes) - 1.0).abs() < 1e-9);
        square += unevenness(&loads) * unevenness(&loads);
        most += loads.iter().copied().fold(0.0, f64::max);
        least += loads.iter().copied().fold(f64::INFINITY, f64::min);
    }
    let rings = rings as f64;
    ((square / rings).sqrt(), most / rings, least / rings)
}

/// A node's share of `n v` random points is Beta(v, nv - v): its deviation over its mean is √((nv-v)/(v(nv+1))).
#[test]
fn virtual_nodes_even_out_a_ring() {
    let many = [1, 10, 100, 150, 200, 1_000].map(|v| (10, v, 200));
    let more = [1, 10, 100, 200].map(|v| (100, v, 20));
    // Beyond the published table.
    let other = [(7, 33, 200), (25, 64, 60), (3, 5, 400), (1_000, 10, 2)];
    for (nodes, vnodes, rings) in many.into_iter().chain(more).chain(other) {
        let (n, v) = (f64::from(nodes), f64::from(vnodes));
        let expected = ((n * v - v) / (v * (n * v + 1.0))).sqrt();
        let (found, ..) = arcs(nodes, vnodes, rings);
        // Few tokens make a share's distribution lopsided, and the estimate worse than that of a normal one.
        let lopsided = if vnodes < 10 { 2.0 } else { 1.0 };
        let error = lopsided * 4.0 * expected / (2.0 * (n - 1.0) * rings as f64).sqrt();
        assert!(
            (found - expected).abs() < error,
            "{nodes} nodes, {vnodes} each: {found} is not {expected} ± {error}"
        );
    }
}

#[test]
fn the_largest_and_the_smallest_share_are_as_expected() {
    for (nodes, vnodes, most, least) in [
        (10, 1, 2.929, 0.1),
        (10, 10, 1.5425, 0.5743),
        (10, 100, 1.1592, 0.8518),
        (10, 150, 1.1294, 0.8782),
        (10, 200, 1.111, 0.8946),
        (100, 100, 1.2688, 0.7683),
        (100, 200, 1.1873, 0.8305),
    ] {
        let rings = 200;
        let (_, largest, smallest) = arcs(nodes, vnodes, rings);
        // The deviation of one ring's largest share is 0.054 for 10 nodes with 100 tokens; it shrinks like a share's.
        let error = 4.0 * 0.54 / (f64::from(vnodes) * rings as f64).sqrt();
        assert!(
            (largest - most).abs() < error,
            "{nodes}, {vnodes}: {largest} is not {most}"
        );
        assert!(
            (smallest - least).abs() < error,
            "{nodes}, {vnodes}: {smallest} is not {least}"
        );
    }
}

/// The share of the keys that move when the node number `nodes` comes, and whether any moved between the others.
fn moved(scheme: Scheme, nodes: u16, salt: u64) -> (f64, u64) {
    let before = Placement::new(scheme, &members(nodes), 200, salt);
    let after = Placement::new(scheme, &members(nodes + 1), 200, salt);
    let (mut moved, mut between) = (0, 0);
    for key in (0..KEYS).map(mix) {
        let (one, two) = (before.owner(key), after.owner(key));
        moved += u64::from(one != two);
        between += u64::from(one != two && two != Some(NodeId(nodes)));
    }
    (moved as f64 / KEYS as f64, between)
}

#[test]
fn a_newcomer_moves_its_share_and_no_more() {
    for scheme in [Scheme::Ring, Scheme::Rendezvous, Scheme::Jump] {
        for nodes in [2, 4, 5, 10, 50, 100, 3, 17] {
            let expected = 1.0 / (f64::from(nodes) + 1.0);
            let (found, between) = moved(scheme, nodes, 0);
            let chance = 4.0 * (expected * (1.0 - expected) / KEYS as f64).sqrt();
            // Where the new tokens fall is chance, too: a share's deviation is about 1/√200 of it.
            let arcs = if scheme == Scheme::Ring {
                4.0 * expected / 200.0_f64.sqrt()
            } else {
                0.0
            };
            assert!(
                (found - expected).abs() < chance + arcs,
                "{scheme:?} with {nodes}: {found} is not {expected}"
            );
            assert_eq!(
                between, 0,
                "{scheme:?} with {nodes} moves keys between nodes that stay"
            );
        }
    }
}

/// n/(n+1), since n and n+1 have no common factor.
#[test]
fn modulo_moves_nearly_everything() {
    for nodes in [4, 10, 100, 7, 31] {
        let expected = f64::from(nodes) / (f64::from(nodes) + 1.0);
        let (found, between) = moved(Scheme::Modulo, nodes, 0);
        let chance = 4.0 * (expected * (1.0 - expected) / KEYS as f64).sqrt();
        assert!(
            (found - expected).abs() < chance,
            "{nodes}: {found} is not {expected}"
        );
        assert!(between > 0);
    }
}

/// Eisenbud et al. 2016, §5.3: shares are even within 1 % and few entries move that need not.
#[test]
fn maglev_is_even_and_moves_little_more_than_it_must() {
    let table = Placement::new(Scheme::Maglev, &members(10), 0, 0);
    let mut loads = [0.0; 10];
    for key in 0..u64::from(MAGLEV_SIZE) {
        loads[table.owner(key).unwrap().index()] += 1.0;
    }
    let (most, least) = (
        loads.iter().copied().fold(0.0, f64::max),
        loads.iter().copied().fold(f64::INFINITY, f64::min),
    );
    assert!(most - least <= 1.0, "{loads:?}");
    let (found, between) = moved(Scheme::Maglev, 10, 0);
    assert!((0.09..0.18).contains(&found), "{found}");
    assert!(
        between > 0,
        "it is not strictly consistent, and the paper says so"
    );
}
