//! What happens to a message on its way. The network knows ends, kinds and delays; it knows no system and no content.

use std::collections::{BTreeMap, BTreeSet};

use crate::frame::{Amiss, Oddity};
use crate::protocol::NodeId;
use crate::trace::HostId;

use super::dist::{Chance, Dist};
use super::rng::Rng;
use super::settings::Environment;
use super::time::{Span, Time};

/// Why a message was lost: bad luck.
pub const LOST: &str = "lost";
/// Why a message was lost: bad luck, as of those before and after it.
pub const BURST: &str = "lost in a burst";
/// Why a message was lost: the way is cut.
pub const CUT: &str = "cut";
/// Why a message was lost: its connection was reset.
pub const RESET: &str = "connection reset";
/// Why a message was lost: nobody is there.
pub const DOWN: &str = "node is down";
/// Why a message was lost: somebody wanted it so.
pub const DROPPED: &str = "dropped by hand";
/// Why a message was lost: somebody wants all of its kind lost.
pub const FILTERED: &str = "its kind is lost";
/// Why a message was lost: its checksum is wrong.
pub const DAMAGED: &str = "damaged";
/// Why a message was lost: too many are on the link.
pub const LINK_FULL: &str = "link is full";
/// Why a message was lost: too many wait at the node.
pub const INBOX_FULL: &str = "inbox is full";

/// Two ends of a link, in the direction of what travels.
pub type Ends = (HostId, HostId);

/// How one copy of a message fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// How long until it arrives or dies.
    pub lasts: Span,
    /// How long the whole way takes.
    pub whole: Span,
    /// Why it dies, if it does.
    pub lost: Option<&'static str>,
    /// After how long it stops on its way and waits, if it does.
    pub stops: Option<Span>,
    /// Whether its content is damaged on the way, unnoticed.
    pub damaged: bool,
}

impl Passage {
    /// An undisturbed way.
    pub fn of(whole: Span) -> Passage {
        Passage {
            lasts: whole,
            whole,
            lost: None,
            stops: None,
            damaged: false,
        }
    }

    /// The same way, on which it dies for this reason, after so many tenths of it.
    fn dying(self, why: &'static str, tenths: u64) -> Passage {
        Passage {
            lasts: Span(self.whole.0 * tenths / 10),
            lost: Some(why),
            ..self
        }
    }
}

/// What is unusual about a link.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Way {
    cut: bool,
    clogged: bool,
    latency: Option<Dist>,
    loss: Option<Chance>,
}

impl Way {
    /// What is amiss on it, as the bits of [`Amiss`].
    fn amiss(&self) -> u16 {
        let all = [
            (self.cut, Amiss::Cut),
            (self.clogged, Amiss::Clogged),
            (self.latency.is_some(), Amiss::Latency),
            (self.loss.is_some(), Amiss::Loss),
        ];
        let there = all.iter().filter(|it| it.0);
        there.fold(0, |sum, it| sum | it.1.bit())
    }

    /// What is amiss on the way between these ends, given the way back. What is so both ways is told once.
    fn oddities(&self, ends: Ends, back: Way) -> Vec<Oddity> {
        let mut oddities = Vec::new();
        let mut tell = |what: Amiss, both: bool, words: String, undo: (&str, &str)| {
            if both && ends.1 < ends.0 {
                return;
            }
            let sign = if both { '-' } else { '>' };
            let link = format!("{}{sign}{}", ends.0.name(), ends.1.name());
            oddities.push(Oddity {
                what,
                words: format!("{link} {words}"),
                undo: format!("{} {link}{}", undo.0, undo.1),
                link: ends.0.end().zip(ends.1.end()),
            });
        };
        if self.cut {
            tell(Amiss::Cut, back.cut, "is cut".to_owned(), ("mend", ""));
        }
        if self.clogged {
            let words = "is clogged".to_owned();
            tell(Amiss::Clogged, back.clogged, words, ("unclog", ""));
        }
        if let Some(latency) = self.latency {
            let both = back.latency == self.latency;
            let words = format!("takes {latency}");
            tell(Amiss::Latency, both, words, ("link", " plain"));
        }
        if let Some(loss) = self.loss {
            let both = back.loss == self.loss;
            tell(
                Amiss::Loss,
                both,
                format!("loses {loss}"),
                ("link", " plain"),
            );
        }
        oddities
    }
}

/// What has gone over a link, as far as it matters to what comes.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    /// When the last message arrives, where links keep the order.
    last: Time,
    /// When the link has put all that it was given on the wire.
    free: Time,
    /// Until when everything on it is lost.
    bad: Time,
}

/// What is done to messages of a kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Treatment {
    /// They are lost.
    Lose,
    /// They wait.
    Hold,
    /// They have a delay of their own, in place of that of the network or the link; zones add theirs.
    Delay(Dist),
}

/// What is done to messages of one kind.
#[derive(Clone, Debug)]
struct Rule {
    kind: String,
    /// On which links; on all when missing.
    links: Option<BTreeSet<Ends>>,
    treatment: Treatment,
}

impl Rule {
    fn amiss(&self) -> Amiss {
        match self.treatment {
            Treatment::Lose => Amiss::Lost,
            Treatment::Hold => Amiss::Held,
            Treatment::Delay(_) => Amiss::Latency,
        }
    }

    fn oddity(&self) -> Oddity {
        let link = |it: &Ends| format!(" {}>{}", it.0.name(), it.1.name());
        let (place, undone) = match &self.links {
            None => (String::new(), String::new()),
            Some(links) if links.len() == 1 => {
                let link: String = links.iter().map(link).collect();
                (link.clone(), link)
            }
            // What was written as `leader>all` is taken back as a whole.
            Some(links) => (format!(" on {} links", links.len()), String::new()),
        };
        let fate = match self.treatment {
            Treatment::Lose => "is lost".to_owned(),
            Treatment::Hold => "waits".to_owned(),
            Treatment::Delay(dist) => format!("takes {dist}"),
        };
        Oddity {
            what: self.amiss(),
            words: format!("{}{place} {fate}", self.kind),
            undo: format!("pass {}{undone}", self.kind),
            link: None,
        }
    }
}

/// The state of the network: who cannot reach whom.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The group of each node; empty when there is no partition.
    groups: Vec<u16>,
    /// Ways that a partition of no simple groups cuts.
    apart: BTreeSet<Ends>,
    /// Links with something unusual.
    ways: BTreeMap<Ends, Way>,
    /// What is done to messages of a kind.
    rules: Vec<Rule>,
    /// Since when anything has been amiss.
    since: Option<Time>,
    /// Since when the nodes have been split.
    split_since: Option<Time>,
    traffic: BTreeMap<Ends, Traffic>,
}

/// What the network is asked to carry.
pub struct Parcel {
    /// From where to where.
    pub ends: Ends,
    /// The name of its kind.
    pub kind: &'static str,
    /// How many are on the link already; counted only where the link's capacity is limited.
    pub queued: usize,
}

impl Network {
    /// Decides the fate of a message where nothing is amiss.
    #[inline(always)]
    pub fn carry(environment: &Environment, rng: &mut Rng) -> Passage {
        let whole = environment.latency.draw(rng);
        if rng.happens(environment.loss) {
            return lose(rng, whole);
        }
        Passage::of(whole)
    }

    /// Decides the fate of a message between two nodes.
    pub fn judge(
        &mut self,
        environment: &Environment,
        rng: &mut Rng,
        now: Time,
        parcel: &Parcel,
    ) -> Passage {
        let cut = self.is_cut(parcel.ends);
        self.pass(environment, rng, now, parcel, cut)
    }

    /// Decides which copies the network makes of a message whose fate was just decided, and how they fare.
    pub fn judge_copies(
        &mut self,
        environment: &Environment,
        rng: &mut Rng,
        now: Time,
        parcel: &Parcel,
    ) -> [Option<Passage>; 2] {
        if self.is_cut(parcel.ends) {
            return [None, None];
        }
        let twin = rng.happens(environment.duplicate);
        let twin = twin.then(|| self.pass(environment, rng, now, parcel, false));
        let late = rng.happens(environment.replay).then(|| {
            let after = environment.replay_after.draw(rng);
            let passage = self.pass(environment, rng, now, parcel, false);
            Passage {
                lasts: passage.lasts + after,
                whole: passage.whole + after,
                ..passage
            }
        });
        [twin, late]
    }

    /// The way between a client and a node: the same delays and losses, but no partition reaches it, and no copies are
    /// made.
    pub fn judge_client(
        &self,
        environment: &Environment,
        rng: &mut Rng,
        parcel: &Parcel,
    ) -> Passage {
        if self.since.is_none() {
            return draw(environment, rng, parcel.ends, Way::default(), None);
        }
        let way = self.way(parcel.ends);
        let passage = draw(environment, rng, parcel.ends, way, self.delay_of(parcel));
        self.obstruct(passage, parcel, way.cut, way.clogged)
    }

    fn pass(
        &mut self,
        environment: &Environment,
        rng: &mut Rng,
        now: Time,
        parcel: &Parcel,
        cut: bool,
    ) -> Passage {
        let way = self.way(parcel.ends);
        let mut passage = draw(environment, rng, parcel.ends, way, self.delay_of(parcel));
        if environment.capacity > 0 && parcel.queued as u64 >= environment.capacity {
            passage = passage.dying(LINK_FULL, 1);
        }
        if environment.corrupt != Chance::NEVER && rng.happens(environment.corrupt) {
            passage.damaged = !environment.checksum;
            if environment.checksum && passage.lost.is_none() {
                passage = passage.dying(DAMAGED, 10);
            }
        }
        if environment.burst != Chance::NEVER {
            passage = self.burst(environment, rng, now, parcel.ends, passage);
        }
        passage = self.obstruct(passage, parcel, cut, way.clogged);
        if environment.transmit > Span::ZERO {
            passage = self.transmit(environment.transmit, now, parcel.ends, passage);
        }
        if environment.fifo && passage.lost.is_none() {
            let last = &mut self.traffic.entry(parcel.ends).or_default().last;
            *last = (now + passage.whole).max(*last);
            passage = Passage {
                lasts: last.since(now),
                whole: last.since(now),
                ..passage
            };
        }
        passage
    }

    /// Losses that come together (Gilbert 1960): a link turns bad, and stays so for a while.
    fn burst(
        &mut self,
        environment: &Environment,
        rng: &mut Rng,
        now: Time,
        ends: Ends,
        passage: Passage,
    ) -> Passage {
        let bad = &mut self.traffic.entry(ends).or_default().bad;
        if *bad <= now && rng.happens(environment.burst) {
            *bad = now + environment.burst_length.draw(rng);
        }
        if *bad > now && passage.lost.is_none() {
            return passage.dying(BURST, 4);
        }
        passage
    }

    /// A link of limited speed puts one message after the other on the wire.
    fn transmit(&mut self, each: Span, now: Time, ends: Ends, passage: Passage) -> Passage {
        let free = &mut self.traffic.entry(ends).or_default().free;
        *free = now.max(*free) + each;
        let waits = free.since(now);
        Passage {
            lasts: passage.lasts + waits,
            whole: passage.whole + waits,
            ..passage
        }
    }

    /// What cuts, clogs and rules do to a passage.
    fn obstruct(&self, passage: Passage, parcel: &Parcel, cut: bool, clogged: bool) -> Passage {
        if cut {
            return passage.dying(CUT, 5);
        }
        let is = |treatment: Treatment| self.treatments(parcel).any(|it| it == treatment);
        if is(Treatment::Lose) {
            return passage.dying(FILTERED, 2);
        }
        if (clogged || is(Treatment::Hold)) && passage.lost.is_none() {
            return Passage {
                stops: Some(Span(passage.whole.0 / 2)),
                ..passage
            };
        }
        passage
    }

    /// What is done to messages of this kind on this link.
    fn treatments(&self, parcel: &Parcel) -> impl Iterator<Item = Treatment> {
        let meant = |it: &&Rule| {
            it.kind == parcel.kind && it.links.as_ref().is_none_or(|it| it.contains(&parcel.ends))
        };
        self.rules.iter().filter(meant).map(|it| it.treatment)
    }

    /// The delay of its own that a message of this kind has, if it has one.
    fn delay_of(&self, parcel: &Parcel) -> Option<Dist> {
        self.treatments(parcel).find_map(|it| match it {
            Treatment::Delay(dist) => Some(dist),
            _ => None,
        })
    }

    fn way(&self, ends: Ends) -> Way {
        if self.ways.is_empty() {
            return Way::default();
        }
        self.ways.get(&ends).copied().unwrap_or_default()
    }

    /// Whether nothing gets from one end to the other.
    pub fn is_cut(&self, ends: Ends) -> bool {
        if self.since.is_none() {
            return false;
        }
        let group = |it: HostId| it.node().and_then(|it| self.groups.get(it.index()));
        let apart = matches!((group(ends.0), group(ends.1)), (Some(one), Some(two)) if one != two);
        apart || self.apart.contains(&ends) || self.way(ends).cut
    }

    /// Whether what is sent from one end to the other waits.
    pub fn is_clogged(&self, ends: Ends) -> bool {
        self.way(ends).clogged
    }

    /// Splits the nodes into groups, in place of what partition there was; who is named nowhere joins the rest.
    pub fn partition(&mut self, now: Time, nodes: u16, groups: &[Vec<NodeId>]) {
        let group_of = |node| {
            groups
                .iter()
                .position(|it| it.contains(&node))
                .unwrap_or(groups.len())
        };
        self.groups = (0..nodes).map(|it| group_of(NodeId(it)) as u16).collect();
        self.apart.clear();
        self.touch(now);
    }

    /// Cuts these ways, in place of what partition there was.
    pub fn set_apart(&mut self, now: Time, apart: BTreeSet<Ends>) {
        self.groups.clear();
        self.apart = apart;
        self.touch(now);
    }

    /// Ends the partition.
    pub fn unite(&mut self, now: Time) {
        self.groups.clear();
        self.apart.clear();
        self.touch(now);
    }

    fn change(&mut self, now: Time, ends: Ends, change: impl FnOnce(&mut Way)) {
        let way = self.ways.entry(ends).or_default();
        change(way);
        if *way == Way::default() {
            self.ways.remove(&ends);
        }
        self.touch(now);
    }

    /// Cuts or mends one direction of a link; a partition stays.
    pub fn cut(&mut self, now: Time, ends: Ends, cut: bool) {
        self.change(now, ends, |it| it.cut = cut);
    }

    /// Stops one direction of a link, or lets it go on.
    pub fn clog(&mut self, now: Time, ends: Ends, clogged: bool) {
        self.change(now, ends, |it| it.clogged = clogged);
    }

    /// Gives one direction of a link a delay of its own, or that of the network again.
    pub fn set_latency(&mut self, now: Time, ends: Ends, latency: Option<Dist>) {
        self.change(now, ends, |it| it.latency = latency);
    }

    /// Gives one direction of a link a loss of its own, or that of the network again.
    pub fn set_loss(&mut self, now: Time, ends: Ends, loss: Option<Chance>) {
        self.change(now, ends, |it| it.loss = loss);
    }

    /// From now on, messages of a kind are treated so, on these links or on all.
    pub fn add_rule(
        &mut self,
        now: Time,
        kind: &str,
        links: Option<BTreeSet<Ends>>,
        treatment: Treatment,
    ) {
        self.rules.retain(|it| it.kind != kind || it.links != links);
        self.rules.push(Rule {
            kind: kind.to_owned(),
            links,
            treatment,
        });
        self.touch(now);
    }

    /// Ends what is done to messages of a kind: on these links, or everything when none are named.
    pub fn remove_rule(&mut self, now: Time, kind: &str, links: Option<&BTreeSet<Ends>>) {
        self.rules
            .retain(|it| it.kind != kind || (links.is_some() && it.links.as_ref() != links));
        self.touch(now);
    }

    /// Mends everything.
    pub fn heal(&mut self, now: Time) {
        self.groups.clear();
        self.apart.clear();
        self.ways.clear();
        self.rules.clear();
        self.traffic.values_mut().for_each(|it| it.bad = now);
        self.touch(now);
    }

    fn touch(&mut self, now: Time) {
        let whole = self.groups.is_empty()
            && self.apart.is_empty()
            && self.ways.is_empty()
            && self.rules.is_empty();
        self.since = (!whole).then(|| self.since.unwrap_or(now));
        let split = self.is_split();
        self.split_since = split.then(|| self.split_since.unwrap_or(now));
    }

    fn is_split(&self) -> bool {
        !self.groups.is_empty() || !self.apart.is_empty()
    }

    /// The groups of the partition, each in order; empty when there is none.
    pub fn groups(&self) -> Vec<Vec<NodeId>> {
        let mut groups: BTreeMap<u16, Vec<NodeId>> = BTreeMap::new();
        for (index, group) in self.groups.iter().enumerate() {
            groups.entry(*group).or_default().push(NodeId(index as u16));
        }
        groups.into_values().collect()
    }

    /// Links that are cut, one way each: by a partition of no simple groups, or by themselves.
    pub fn cuts(&self) -> impl Iterator<Item = Ends> {
        let cut = self.ways.iter().filter(|it| it.1.cut).map(|it| *it.0);
        self.apart.iter().copied().chain(cut)
    }

    /// What is amiss, and how it ends.
    pub fn oddities(&self) -> Vec<Oddity> {
        let mut oddities = Vec::new();
        if self.is_split() {
            oddities.push(Oddity {
                what: Amiss::Split,
                words: "the nodes are split".to_owned(),
                undo: "unite".to_owned(),
                link: None,
            });
        }
        for (ends, way) in &self.ways {
            let back = self.way((ends.1, ends.0));
            oddities.extend(way.oddities(*ends, back));
        }
        oddities.extend(self.rules.iter().map(Rule::oddity));
        oddities
    }

    /// What is amiss, as the bits of [`Amiss`].
    pub fn amiss(&self) -> u16 {
        let split = if self.is_split() {
            Amiss::Split.bit()
        } else {
            0
        };
        let ways = self.ways.values().map(Way::amiss);
        let rules = self.rules.iter().map(|it| it.amiss().bit());
        ways.chain(rules).fold(split, |all, it| all | it)
    }

    /// Whether nothing is amiss.
    pub fn is_whole(&self) -> bool {
        self.since.is_none()
    }

    /// Since when the nodes have been split.
    pub fn split_since(&self) -> Option<Time> {
        self.split_since
    }
}

/// Delay and loss of a way, as the environment, the zones and the link itself have it; `own` is the delay that only
/// messages of the kind have.
fn draw(
    environment: &Environment,
    rng: &mut Rng,
    ends: Ends,
    way: Way,
    own: Option<Dist>,
) -> Passage {
    let latency = own.or(way.latency).unwrap_or(environment.latency);
    let mut whole = latency.draw(rng);
    if environment.zones > 1 && way.latency.is_none() {
        let zone = |it: HostId| it.place() % environment.zones;
        if zone(ends.0) != zone(ends.1) {
            whole = whole + environment.zone_latency.draw(rng);
        }
    }
    if !rng.happens(way.loss.unwrap_or(environment.loss)) {
        return Passage::of(whole);
    }
    lose(rng, whole)
}

/// A way on which it dies, from bad luck.
#[cold]
fn lose(rng: &mut Rng, whole: Span) -> Passage {
    Passage {
        lasts: rng.span(Span(whole.0 / 5), Span(whole.0 / 5 * 4)),
        lost: Some(LOST),
        ..Passage::of(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rng::Stream;
    use super::*;

    fn host(index: u16) -> HostId {
        NodeId(index).into()
    }

    fn parcel(from: u16, to: u16, kind: &'static str) -> Parcel {
        Parcel {
            ends: (host(from), host(to)),
            kind,
            queued: 0,
        }
    }

    #[test]
    fn what_is_amiss_is_told_once_with_what_ends_it() {
        let mut network = Network::default();
        let [a, b, c] = [host(0), host(1), host(2)];
        network.cut(Time(1), (a, b), true);
        network.cut(Time(1), (b, a), true);
        network.clog(Time(1), (c, a), true);
        network.add_rule(Time(1), "Ping", Some([(a, c)].into()), Treatment::Hold);
        network.add_rule(Time(1), "Pong", None, Treatment::Lose);
        network.partition(Time(1), 3, &[vec![NodeId(0)]]);
        let told: Vec<(String, String)> = network
            .oddities()
            .into_iter()
            .map(|it| (it.words, it.undo))
            .collect();
        let told: Vec<(&str, &str)> = told.iter().map(|it| (&*it.0, &*it.1)).collect();
        assert_eq!(
            told,
            [
                ("the nodes are split", "unite"),
                ("n1-n2 is cut", "mend n1-n2"),
                ("n3>n1 is clogged", "unclog n3>n1"),
                ("Ping n1>n3 waits", "pass Ping n1>n3"),
                ("Pong is lost", "pass Pong"),
            ]
        );
    }

    #[test]
    fn a_partition_cuts_between_groups_and_a_cut_one_way() {
        let mut network = Network::default();
        let [a, b, c] = [host(0), host(1), host(2)];
        network.partition(Time(9), 3, &[vec![NodeId(0)]]);
        assert!(network.is_cut((a, b)) && network.is_cut((b, a)) && !network.is_cut((b, c)));
        assert_eq!(
            network.groups(),
            [vec![NodeId(0)], vec![NodeId(1), NodeId(2)]]
        );
        network.heal(Time(10));
        network.cut(Time(11), (b, c), true);
        assert!(network.is_cut((b, c)) && !network.is_cut((c, b)));
        assert_eq!(network.since, Some(Time(11)));
        network.cut(Time(12), (b, c), false);
        assert_eq!(network.since, None);
    }

    #[test]
    fn fifo_links_keep_the_order() {
        let environment = Environment {
            fifo: true,
            ..Environment::DEFAULT
        };
        let mut network = Network::default();
        let mut rng = Rng::stream(1, Stream::Wire(0));
        let mut last = Time(0);
        for sent in 0..200 {
            let now = Time(sent * 1_000_000);
            let passage = network.judge(&environment, &mut rng, now, &parcel(0, 1, "m"));
            assert!(now + passage.lasts >= last);
            last = now + passage.lasts;
        }
    }

    #[test]
    fn losses_and_copies_are_as_likely_as_set() {
        let environment = Environment {
            loss: Chance::percent(20),
            duplicate: Chance::percent(10),
            replay: Chance::percent(5),
            ..Environment::DEFAULT
        };
        let mut network = Network::default();
        let mut rng = Rng::stream(2, Stream::Wire(0));
        let fates: Vec<_> = (0..10_000)
            .map(|_| {
                let (now, parcel) = (Time(0), parcel(0, 1, "m"));
                let first = network.judge(&environment, &mut rng, now, &parcel);
                (
                    first,
                    network.judge_copies(&environment, &mut rng, now, &parcel),
                )
            })
            .collect();
        let lost = fates.iter().filter(|it| it.0.lost.is_some()).count();
        let copied = fates.iter().filter(|it| it.1[0].is_some()).count();
        let late = fates.iter().filter(|it| it.1[1].is_some()).count();
        assert!(
            (1_840..2_160).contains(&lost)
                && (880..1_120).contains(&copied)
                && (420..580).contains(&late),
            "{lost} {copied} {late}"
        );
    }

    #[test]
    fn bursts_lose_what_is_sent_together() {
        let environment = Environment {
            burst: Chance::percent(1),
            burst_length: Dist::Constant(Span::ms(100)),
            ..Environment::DEFAULT
        };
        let mut network = Network::default();
        let mut rng = Rng::stream(3, Stream::Wire(0));
        let lost: Vec<bool> = (0..100_000u64)
            .map(|it| {
                let now = Time(it * 10_000_000);
                network
                    .judge(&environment, &mut rng, now, &parcel(0, 1, "m"))
                    .lost
                    .is_some()
            })
            .collect();
        let runs = lost.windows(2).filter(|it| !it[0] && it[1]).count();
        let total = lost.iter().filter(|it| **it).count();
        // Ten messages in a burst, a hundred between two bursts.
        assert!(
            (9..=11).contains(&(total / runs)) && (7_000..11_000).contains(&total),
            "{total} in {runs}"
        );
    }

    #[test]
    fn rules_and_links_treat_only_what_they_name() {
        let environment = Environment::DEFAULT;
        let mut network = Network::default();
        let mut rng = Rng::stream(4, Stream::Wire(0));
        network.add_rule(
            Time(0),
            "Vote",
            Some(BTreeSet::from([(host(0), host(1))])),
            Treatment::Lose,
        );
        network.add_rule(Time(0), "Append", None, Treatment::Hold);
        let slow = Treatment::Delay(Dist::Constant(Span::secs(2)));
        network.add_rule(Time(0), "Pre", None, slow);
        network.set_latency(
            Time(0),
            (host(0), host(2)),
            Some(Dist::Constant(Span::secs(1))),
        );
        let mut judge = |parcel| network.judge(&environment, &mut rng, Time(0), &parcel);
        assert_eq!(judge(parcel(0, 1, "Vote")).lost, Some(FILTERED));
        assert_eq!(judge(parcel(1, 0, "Vote")).lost, None);
        assert!(judge(parcel(0, 1, "Append")).stops.is_some());
        assert_eq!(judge(parcel(0, 2, "Vote")).whole, Span::secs(1));
        assert_eq!(judge(parcel(0, 2, "Pre")).whole, Span::secs(2));
        network.remove_rule(Time(1), "Append", None);
        network.remove_rule(Time(1), "Pre", None);
        network.remove_rule(Time(1), "Vote", None);
        assert!(network.since.is_some());
        network.set_latency(Time(1), (host(0), host(2)), None);
        assert!(network.since.is_none());
    }

    #[test]
    fn a_full_link_loses_and_a_slow_one_queues() {
        let environment = Environment {
            latency: Dist::Constant(Span::ms(10)),
            capacity: 2,
            transmit: Span::ms(5),
            ..Environment::DEFAULT
        };
        let mut network = Network::default();
        let mut rng = Rng::stream(5, Stream::Wire(0));
        let mut judge = |queued| {
            let parcel = Parcel {
                queued,
                ..parcel(0, 1, "m")
            };
            network.judge(&environment, &mut rng, Time(0), &parcel)
        };
        assert_eq!(judge(0).whole, Span::ms(15));
        assert_eq!(judge(1).whole, Span::ms(20));
        assert_eq!(judge(2).lost, Some(LINK_FULL));
    }

    #[test]
    fn far_zones_are_farther() {
        let environment = Environment {
            latency: Dist::Constant(Span::ms(1)),
            zones: 2,
            zone_latency: Dist::Constant(Span::ms(40)),
            ..Environment::DEFAULT
        };
        let mut rng = Rng::stream(6, Stream::Wire(0));
        let mut network = Network::default();
        let mut whole = |from, to| {
            network
                .judge(&environment, &mut rng, Time(0), &parcel(from, to, "m"))
                .whole
        };
        assert_eq!((whole(0, 2), whole(0, 1)), (Span::ms(1), Span::ms(41)));
    }
}
