//! What the trace says about the whole of a run, kept up to date as the trace grows.

use clusterscope_core::frame::Amiss;
use clusterscope_core::protocol::NodeId;
use clusterscope_core::trace::{Kind, Record, Records};
use clusterscope_core::{Player, Span, Time};

/// Into so many parts the time of a run is cut to count its events.
pub const BINS: usize = 240;

/// Notes with one label beyond this number are no turns of the story, and have no mark.
const MARKS_MAX: usize = 60;

/// What lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A node is down.
    Down,
    /// A node stands still.
    Paused,
    /// This is amiss with the network.
    Network(Amiss),
}

impl Trouble {
    /// In a word or two; of a node, what it is.
    pub fn words(self) -> &'static str {
        match self {
            Trouble::Down => "down",
            Trouble::Paused => "paused",
            Trouble::Network(Amiss::Split) => "partition",
            Trouble::Network(Amiss::Cut) => "cut links",
            Trouble::Network(Amiss::Clogged) => "clogged links",
            Trouble::Network(Amiss::Latency) => "delays",
            Trouble::Network(Amiss::Loss) => "lossy links",
            Trouble::Network(Amiss::Lost) => "messages lost",
            Trouble::Network(Amiss::Held) => "messages held",
        }
    }
}

/// A trouble, from when to when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Which.
    pub trouble: Trouble,
    /// Whose, if it is one node's.
    pub node: Option<NodeId>,
    /// Since when.
    pub from: Time,
    /// Until when; `None` while it lasts.
    pub to: Option<Time>,
}

impl Bar {
    /// Its name: `n2 down`.
    pub fn name(&self) -> String {
        let words = self.trouble.words();
        self.node
            .map_or_else(|| words.to_owned(), |node| format!("{node} {words}"))
    }
}

/// A note or a fault of one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// When.
    pub time: Time,
    /// The event.
    pub event: u32,
    /// Its word, as the recorder keeps it.
    pub record: Record,
    /// The epoch, for the colour.
    pub epoch: Option<u64>,
}

/// What is known of the past.
#[derive(Default)]
pub struct Past {
    records: Records,
    read: u32,
    /// How far the bins reach.
    pub range: Time,
    /// How many events there are in each part.
    pub bins: Vec<u32>,
    /// The most in one part.
    pub peak: u32,
    /// What lasted, in the order in which it began.
    pub bars: Vec<Bar>,
    /// Turns of the story.
    pub notes: Vec<Mark>,
    /// Faults of one moment.
    pub faults: Vec<Mark>,
    /// How many notes have each word.
    counts: Vec<usize>,
}

impl Past {
    /// Reads what has been added to the trace since the last time.
    pub fn update(&mut self, player: &Player) {
        let range = range(player.length(), player.frontier());
        let records = player.records();
        if range != self.range
            || !records.shares_memory_with(&self.records)
            || records.len() < self.read
        {
            *self = Past {
                range,
                bins: vec![0; BINS],
                counts: vec![0; 256],
                ..Past::default()
            };
        }
        self.records = records.clone();
        let (from, to) = (self.read, records.len());
        self.read = to;
        if from < records.first() {
            // Of what was let go, the turns of the story are left.
            for (event, record) in records.old_turns().iter().filter(|it| it.0 >= from) {
                self.add(*event, record, records, |record| player.label(record));
            }
        }
        records.each(from, to, |event, record| {
            self.add(event, record, records, |record| player.label(record));
            true
        });
    }

    fn add(
        &mut self,
        event: u32,
        record: &Record,
        all: &Records,
        label: impl Fn(&Record) -> &'static str,
    ) {
        let record = *record;
        let bin = u128::from(record.time.0) * BINS as u128 / u128::from(self.range.0.max(1));
        if let Some(count) = self.bins.get_mut(bin as usize) {
            *count += 1;
            self.peak = self.peak.max(*count);
        }
        match record.kind {
            Kind::Note => {
                let count = &mut self.counts[usize::from(record.label)];
                *count += 1;
                if *count <= MARKS_MAX {
                    // A note belongs to the epoch of what led to it.
                    let cause = || all.get(record.cause)?.epoch();
                    let epoch = record.epoch().or_else(cause);
                    self.notes.push(Mark {
                        time: record.time,
                        event,
                        record,
                        epoch,
                    });
                }
            }
            Kind::Fault => self.fault(event, record, label(&record)),
            _ => {}
        }
    }

    fn fault(&mut self, event: u32, record: Record, label: &str) {
        let (time, node) = (record.time, record.host.node());
        if record
            .amiss()
            .is_some_and(|it| self.network(time, label, it))
        {
            return;
        }
        match (label, node) {
            ("crash", Some(_)) => {
                self.end(time, |it| it.node == node);
                self.begin(Trouble::Down, node, time);
            }
            ("restart", Some(_)) => {
                self.end(time, |it| it.trouble == Trouble::Down && it.node == node)
            }
            ("pause", Some(_)) if !self.lasts(|it| it.node == node) => {
                self.begin(Trouble::Paused, node, time)
            }
            ("resume", Some(_)) => {
                self.end(time, |it| it.trouble == Trouble::Paused && it.node == node)
            }
            ("crash" | "restart" | "pause" | "resume", _) => {}
            _ => self.faults.push(Mark {
                time,
                event,
                record,
                epoch: None,
            }),
        }
    }

    /// Begins and ends what is amiss with the network; says whether any of it did.
    fn network(&mut self, time: Time, label: &str, amiss: u16) -> bool {
        // A partition in place of another is one of its own.
        let anew = matches!(label, "partition" | "split");
        let mut changed = false;
        for (bit, what) in Amiss::ALL.into_iter().enumerate() {
            let trouble = Trouble::Network(what);
            let lasts = self.lasts(|it| it.trouble == trouble);
            let is_there = amiss >> bit & 1 == 1;
            let replaced = anew && what == Amiss::Split;
            if lasts && (!is_there || replaced) {
                self.end(time, |it| it.trouble == trouble);
                changed = true;
            }
            if is_there && (!lasts || replaced) {
                self.begin(trouble, None, time);
                changed = true;
            }
        }
        changed
    }

    fn begin(&mut self, trouble: Trouble, node: Option<NodeId>, from: Time) {
        self.bars.push(Bar {
            trouble,
            node,
            from,
            to: None,
        });
    }

    fn lasts(&self, which: impl Fn(&Bar) -> bool) -> bool {
        self.bars.iter().any(|it| it.to.is_none() && which(it))
    }

    fn end(&mut self, time: Time, which: impl Fn(&Bar) -> bool) {
        let open = self.bars.iter_mut().filter(|it| it.to.is_none());
        open.filter(|it| which(it))
            .for_each(|it| it.to = Some(time));
    }

    /// Whether notes with the word of this one are rare enough to be turns of the story.
    pub fn is_rare(&self, mark: &Mark) -> bool {
        self.counts
            .get(usize::from(mark.record.label))
            .is_some_and(|it| *it <= MARKS_MAX)
    }

    /// How many notes share this one's word.
    pub fn count(&self, mark: &Mark) -> usize {
        self.counts
            .get(usize::from(mark.record.label))
            .copied()
            .unwrap_or_default()
    }
}

/// How much time a picture of the whole shows: the run's length, and more in strides when it goes on.
pub fn range(length: Span, frontier: Time) -> Time {
    let mut range = length.0.max(1_000);
    while range < frontier.0 {
        range += (range / 4).max(1);
    }
    Time(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterscope_core::RunSpec;

    #[test]
    fn a_crash_and_its_restart_make_one_bar_however_often_the_trace_is_read() {
        let mut player = Player::open(RunSpec::new("raft", "leader-crash")).unwrap();
        let mut past = Past::default();
        for millis in [500, 1_500, 1_700, 2_500, 5_000] {
            player.seek(Time(millis * 1_000_000));
            past.update(&player);
        }
        let [bar] = past.bars[..] else {
            panic!("one bar")
        };
        assert_eq!(
            (bar.trouble, bar.from, bar.to),
            (
                Trouble::Down,
                Time(1_000_000_000),
                Some(Time(2_000_000_000))
            )
        );
        assert!(bar.node.is_some());
        assert_eq!(past.bins.iter().sum::<u32>(), player.records().len());
        assert!(
            past.notes.iter().any(|it| it.epoch == Some(1)),
            "an election has its term's colour"
        );
        player.seek(Time(100));
        past.update(&player);
        assert_eq!(past.bars.len(), 1, "what lies ahead is known still");
    }

    #[test]
    fn what_is_amiss_with_the_network_has_its_own_name_and_end() {
        let mut spec = RunSpec::new("raft", "calm");
        for line in [
            "1s link n1-n2 loss 5%",
            "1100ms partition n1 n2 | n3 n4 n5 for 300ms",
            "1200ms cut n1>n3",
            "1300ms cut n2-n3",
            "1500ms mend n2-n3",
            "1600ms link n1-n2 plain",
            "1700ms mend n1>n3",
            "1800ms hold AppendEntries",
            "1900ms clog n4>n5",
            "2s heal",
        ] {
            spec.commands.push(line.parse().expect("a command"));
        }
        let mut player = Player::open(spec).unwrap();
        player.seek(Time(3_000_000_000));
        let mut past = Past::default();
        past.update(&player);
        let millis = |it: Time| it.0 / 1_000_000;
        let bars = past.bars.iter();
        let bars: Vec<_> = bars
            .map(|it| (it.trouble.words(), millis(it.from), it.to.map(millis)))
            .collect();
        assert_eq!(
            bars,
            [
                ("lossy links", 1_000, Some(1_600)),
                ("partition", 1_100, Some(1_400)),
                ("cut links", 1_200, Some(1_700)),
                ("messages held", 1_800, Some(2_000)),
                ("clogged links", 1_900, Some(2_000)),
            ]
        );
        assert_eq!(past.faults.len(), 2, "a second cut and the first mending");
    }

    #[test]
    fn the_range_grows_in_strides() {
        assert_eq!(range(Span(4_000), Time(0)), Time(4_000));
        assert_eq!(range(Span(4_000), Time(4_001)), Time(5_000));
    }
}
