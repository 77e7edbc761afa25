//! The sentences of the papers, each as a test.

use super::*;

fn hlc(l: u64, c: u32) -> Hlc {
    Hlc { l: Time(l), c }
}

/// Kulkarni et al. 2014, Figure 5: send or local event.
#[test]
fn hybrid_time_counts_while_physical_time_stands() {
    let mut clock = hlc(10, 0);
    clock.tick(Time(10));
    assert_eq!(clock, hlc(10, 1));
    clock.tick(Time(7));
    assert_eq!(clock, hlc(10, 2));
    clock.tick(Time(11));
    assert_eq!(clock, hlc(11, 0));
}

/// The same figure: receive event, case by case.
#[test]
fn hybrid_time_takes_the_greatest_of_three() {
    for (mine, its, physical, then) in [
        ((10, 2), (10, 5), 9, (10, 6)),
        ((10, 2), (8, 5), 10, (10, 3)),
        ((8, 2), (10, 5), 10, (10, 6)),
        ((8, 2), (9, 5), 12, (12, 0)),
    ] {
        let mut clock = hlc(mine.0, mine.1);
        clock.receive(hlc(its.0, its.1), Time(physical));
        assert_eq!(clock, hlc(then.0, then.1), "{mine:?} {its:?} {physical}");
    }
}

#[test]
fn requests_and_text_are_one_to_one() {
    for text in ["send n2", "local"] {
        assert_eq!(text.parse::<Request>().unwrap().to_string(), text);
    }
    for text in ["", "send", "send me", "local n2"] {
        assert!(text.parse::<Request>().is_err(), "{text}");
    }
}
