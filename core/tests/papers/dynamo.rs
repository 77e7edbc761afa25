//! Figure 3 of G. DeCandia and others, "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007: how the versions
//! of an object evolve. Sx is n1, Sy is n2, Sz is n3; D1 to D5 are the values 1 to 5.

use clusterscope_core::frame::Panel;
use clusterscope_core::trace::Level;
use clusterscope_core::{RunSpec, Span, Time};

/// What n1 has of `x` at this moment, each version with its clock, and what the last client was told.
fn at(millis: u64) -> (String, Option<String>) {
    let spec = RunSpec::new("quorum", "figure-3");
    let mut run = spec.build(Level::Off).unwrap_or_else(|it| panic!("{it}"));
    run.run_until(Time(Span::ms(millis).0));
    let frame = run.frame();
    let replicas = frame.panels.iter().find_map(|it| match it {
        Panel::Table {
            title: "Replicas",
            rows,
            ..
        } => rows.first().cloned(),
        _ => None,
    });
    let row = replicas.expect("somebody has x");
    assert_eq!(
        (&row[2], &row[2]),
        (&row[3], &row[4]),
        "all homes have the same"
    );
    (
        row[2].clone(),
        frame.clients.last().and_then(|it| it.told.clone()),
    )
}

#[test]
fn version_evolution_of_an_object_over_time() {
    assert_eq!(at(250).0, "1 (n1:1)");
    // "The same client updates the object. Assume the same node handles this request as well."
    assert_eq!(at(450).0, "2 (n1:2)");
    // "A different server (say Sy) handles the request … assume a different client reads D2 and then tries to update
    // it, and another node (say Sz) does the write." Neither replaces the other.
    assert_eq!(at(650).0, "3 (n1:2,n2:1)  4 (n1:2,n3:1)");
    // "It gets both values … the context of the read is a summary of the clocks of D3 and D4, namely
    // [(Sx, 2), (Sy, 1), (Sz, 1)]."
    let told = at(850).1.expect("it was answered");
    assert!(told.contains("[3, 4] (clock n1:2,n2:1,n3:1"), "{told}");
    // "If the client performs the reconciliation and node Sx coordinates the write, Sx will update its sequence
    // number."
    assert_eq!(at(1_090).0, "5 (n1:3,n2:1,n3:1)");
}
