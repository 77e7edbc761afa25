//! WebAssembly computes what the machine computes: the hashes that the native tests have written down.
#![cfg(target_arch = "wasm32")]

mod common;

use clusterscope_core::sim::player::Limits;
use clusterscope_core::sim::rng::{Rng, Stream};
use clusterscope_core::trace::Level;
use clusterscope_core::{Player, RunSpec, Time};
use wasm_bindgen_test::wasm_bindgen_test;

use common::finished;

const HASHES: &str = include_str!("golden/hashes.txt");

#[wasm_bindgen_test]
fn every_hash_is_the_same_as_natively() {
    let mut count = 0;
    for line in HASHES.lines() {
        let [place, seed, hash] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line:?} is not a line of hashes");
        };
        let (system, scenario) = place.split_once('/').expect("a system and a scenario");
        let mut spec = RunSpec::new(system, scenario);
        spec.seed = seed.parse().expect("a number");
        let found = finished(&spec, Level::Off).recorder().hash();
        assert_eq!(format!("{found:016x}"), hash, "{place}, seed {seed}");
        count += 1;
    }
    assert!(count >= 100, "only {count} hashes were compared");
}

#[wasm_bindgen_test]
fn words_and_frames_are_made_here_too() {
    let spec = RunSpec::new("raft", "leader-crash");
    let mut run = finished(&spec, Level::Words);
    assert_eq!(run.take_explained().len() as u32, run.recorder().events());
    assert!(serde_json::to_string(&run.frame()).is_ok());
}

#[wasm_bindgen_test]
fn letting_detail_go_and_going_back_is_exact_here_too() {
    let spec = RunSpec::from_link("#/raft/swarm?seed=5&set.clients=10&for=60s").expect("a link");
    let end = common::end(&spec);
    let straight = finished(&spec, Level::Off).recorder().hash();
    let limits = Limits {
        records: 1 << 20,
        snapshots: 1 << 20,
        history: u32::MAX,
    };
    let mut player = Player::at_start(spec, limits).expect("a run");
    player.seek(end);
    assert!(player.records().first() > 0, "something was let go");
    let mut rng = Rng::stream(1, Stream::Faults);
    for _ in 0..100 {
        player.seek(Time(rng.below(end.0)));
    }
    player.seek(end);
    assert_eq!(player.run().recorder().hash(), straight);
    assert_eq!(player.broken(), None);
}
