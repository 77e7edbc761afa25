//! Runs a target over many inputs, each made of those before: always the same inputs for the same seed.
//!
//! It watches what no assertion sees: the memory that one input takes, and the time.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use std::collections::BTreeSet;

use crate::counting;
use crate::mutate::{Random, mutate};
use crate::targets::{ALL, Target};

/// No input may take more memory than this, in bytes.
pub const MEMORY_MAX: usize = 64 << 20;

/// An input that takes more of the processor than this hangs.
const HANGS_AFTER: Duration = Duration::from_secs(10);

/// An input that takes longer than this is worth a look.
const SLOW: Duration = Duration::from_millis(100);

/// So many inputs are kept to be changed further.
const POOL_MAX: usize = 4_096;

/// So often, in inputs, it says how far it is.
const SAY_EVERY: u64 = 1_000_000;

/// What a target is run for.
pub struct Job<'a> {
    /// The target's name.
    pub name: &'a str,
    /// How many inputs.
    pub runs: u64,
    /// Where they come from.
    pub seed: u64,
    /// The folder of valid samples.
    pub corpus: PathBuf,
}

/// The folder of a target's samples.
pub fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name)
}

/// Reads the samples of a target, in the order of their names.
fn samples(folder: &Path) -> Result<Vec<Vec<u8>>, String> {
    let failed = |it: std::io::Error| format!("{}: {it}", folder.display());
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
    files.sort();
    let read: Result<Vec<Vec<u8>>, String> = files
        .iter()
        .map(|it| fs::read(it).map_err(failed))
        .collect();
    let read = read?;
    if read.is_empty() {
        return Err(format!("{}: there is no sample", folder.display()));
    }
    Ok(read)
}

/// What came of a job.
struct Tally {
    signatures: BTreeSet<u64>,
    most_memory: usize,
    slowest: Duration,
    /// The input that took longest.
    slow: Vec<u8>,
}

/// Runs a target; `Err` says which input brought it down, and where that was saved.
pub fn run(job: &Job<'_>) -> Result<(), String> {
    let known = ALL.iter().find(|it| it.0 == job.name);
    let (_, target) = known.ok_or_else(|| format!("\"{}\" is no target", job.name))?;
    let mut pool = samples(&job.corpus)?;
    let fixed = pool.len();
    let mut random = Random(job.seed);
    let mut tally = Tally {
        signatures: BTreeSet::new(),
        most_memory: 0,
        slowest: Duration::ZERO,
        slow: Vec::new(),
    };
    let watched = Arc::new(Watched::default());
    watched.clone().watch();
    let started = Instant::now();
    for count in 0..job.runs {
        let input = match pool.get(count as usize) {
            // The samples as they are, first.
            Some(sample) if (count as usize) < fixed => sample.clone(),
            _ => {
                let (one, two) = (random.below(pool.len()), random.below(pool.len()));
                mutate(&mut random, &pool[one], &pool[two])
            }
        };
        let signature = attempt(*target, &input, &watched, &mut tally).map_err(|problem| {
            format!(
                "{} after {count} runs: {problem}; {}",
                job.name,
                save(job.name, "crash", &input)
            )
        })?;
        if tally.signatures.insert(signature) {
            if pool.len() < POOL_MAX {
                pool.push(input);
            } else {
                let place = fixed + random.below(POOL_MAX - fixed);
                pool[place] = input;
            }
        }
        if (count + 1) % SAY_EVERY == 0 || count + 1 == job.runs {
            say(job.name, count + 1, started.elapsed(), &tally);
        }
    }
    if tally.slowest > SLOW {
        println!(
            "{}: the slowest: {}",
            job.name,
            save(job.name, "slow", &tally.slow)
        );
    }
    Ok(())
}

fn say(name: &str, count: u64, took: Duration, tally: &Tally) {
    println!(
        "{name}: {count} runs in {:.0} s, {:.0} a second; {} outcomes told apart; \
         at most {:.2} MiB and {:.1} ms for one",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        tally.signatures.len(),
        tally.most_memory as f64 / f64::from(1 << 20),
        tally.slowest.as_secs_f64() * 1e3
    );
}

/// Gives a target one input.
fn attempt(
    target: Target,
    input: &[u8],
    watched: &Watched,
    tally: &mut Tally,
) -> Result<u64, String> {
    let before = counting::begin();
    watched.begin(input);
    let started = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| target(input)));
    let mut took = started.elapsed();
    watched.end();
    if took > SLOW && result.is_ok() {
        // Perhaps the machine had something else to do.
        let again = Instant::now();
        target(input);
        took = took.min(again.elapsed());
    }
    let memory = counting::peak().saturating_sub(before);
    tally.most_memory = tally.most_memory.max(memory);
    if took > tally.slowest {
        tally.slowest = took;
        tally.slow = input.to_vec();
    }
    let signature = result.map_err(|_| "it panicked, see above".to_owned())?;
    if memory > MEMORY_MAX {
        return Err(format!("it took {memory} bytes of memory"));
    }
    Ok(signature)
}

/// Keeps an input that brought something down.
fn save(name: &str, what: &str, input: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("artifacts")
        .join(name);
    let file = folder.join(what);
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, input));
    let shown: String = String::from_utf8_lossy(input).chars().take(400).collect();
    match written {
        Ok(()) => format!("the input is in {}: {shown:?}", file.display()),
        Err(error) => format!("the input could not be saved ({error}): {shown:?}"),
    }
}

/// What is being tried, for whoever notices that it hangs.
#[derive(Default)]
struct Watched {
    input: Mutex<Vec<u8>>,
    /// Counts inputs; odd while one is tried.
    turn: AtomicU64,
}

impl Watched {
    fn begin(&self, input: &[u8]) {
        if let Ok(mut kept) = self.input.lock() {
            kept.clear();
            kept.extend_from_slice(input);
        }
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks now and then whether the same input is still at it; ends the program when it is.
    fn watch(self: Arc<Self>) {
        std::thread::spawn(move || {
            let began = Instant::now();
            let (mut turn, mut since) = (0, Duration::ZERO);
            loop {
                std::thread::sleep(HANGS_AFTER / 10);
                let (now, spent) = (self.turn.load(Ordering::Relaxed), spent(began));
                if now != turn || now % 2 == 0 {
                    (turn, since) = (now, spent);
                } else if spent - since >= HANGS_AFTER {
                    let input = self.input.lock().map(|it| it.clone()).unwrap_or_default();
                    eprintln!("an input hangs; {}", save("hang", "input", &input));
                    std::process::exit(1);
                }
            }
        });
    }
}

/// The time of the processor that this program has had: on a busy machine it may wait long for its turn. Where the
/// system does not tell, the time since it began.
fn spent(began: Instant) -> Duration {
    // After the name in brackets; user and system, in hundredths of a second.
    let told = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let mut fields = told
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    ticks().zip(ticks()).map_or_else(
        || began.elapsed(),
        |(user, system)| Duration::from_millis(10 * (user + system)),
    )
}
