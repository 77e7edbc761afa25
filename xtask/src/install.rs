//! Slow jobs side by side, with a word every few seconds on how far they are.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::shell::{self, Guard, LastLines, Outcome};

/// How often progress is told.
const TICK: Duration = Duration::from_secs(15);

/// What a job does.
type Work = Box<dyn FnOnce(&Steps) -> Outcome + Send>;

/// Something slow to do, and why.
pub struct Job {
    /// What it is called in the output.
    pub name: String,
    /// What it is needed for.
    pub why: &'static str,
    /// What to do.
    pub work: Work,
}

/// Runs the steps of one job, and knows how far they are.
pub struct Steps {
    name: String,
    detail: Arc<Mutex<String>>,
    stop: Arc<AtomicBool>,
}

/// Does all the jobs at once and tells how long each took.
pub fn all(jobs: Vec<Job>) -> Outcome {
    if jobs.is_empty() {
        return Ok(());
    }
    let start = Instant::now();
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let mut running = Vec::new();
    let mut threads = Vec::new();
    for Job { name, why, work } in jobs {
        println!("  getting {name}: {why}");
        let detail = Arc::new(Mutex::new(String::new()));
        running.push((name.clone(), Arc::clone(&detail)));
        let steps = Steps {
            name,
            detail,
            stop: Arc::clone(&stop),
        };
        let tell = tell.clone();
        threads.push(thread::spawn(move || {
            let result = work(&steps);
            // Nobody listens any more only when the whole program is about to end.
            let _ = tell.send((steps.name, start.elapsed(), result));
        }));
    }
    drop(tell);
    let result = follow(&told, &mut running, start, &stop);
    for thread in threads {
        let _ = thread.join();
    }
    result
}

/// A job's name, the time it took and what came of it.
type Told = (String, Duration, Outcome);

/// Waits for the jobs and tells about them; the first failure stops the rest.
fn follow(
    told: &mpsc::Receiver<Told>,
    running: &mut Vec<(String, Arc<Mutex<String>>)>,
    start: Instant,
    stop: &AtomicBool,
) -> Outcome {
    let mut times = Vec::new();
    let mut result = Ok(());
    loop {
        match told.recv_timeout(TICK) {
            Ok((name, time, outcome)) => {
                running.retain(|(other, _)| *other != name);
                match outcome {
                    Ok(()) => println!("  {:>4} s  {name}: done", time.as_secs()),
                    // What the first failure stopped fails as well; that is not news.
                    Err(_) if result.is_err() => {}
                    Err(message) => {
                        stop.store(true, Ordering::Relaxed);
                        result = Err(format!("{name}: {message}"));
                    }
                }
                times.push((name, time));
            }
            Err(RecvTimeoutError::Timeout) => {
                let far = running
                    .iter()
                    .map(|(name, detail)| format!("{name} {}", text(detail)));
                println!(
                    "  {:>4} s  {}",
                    start.elapsed().as_secs(),
                    far.collect::<Vec<_>>().join(", ")
                );
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let _ = std::io::stdout().flush();
    }
    if result.is_ok() && times.len() > 1 {
        println!("  All there after {} s:", start.elapsed().as_secs());
        for (name, time) in times {
            println!("    {name:<40} {:>5.1} s", time.as_secs_f64());
        }
    }
    result
}

/// The words in a shared cell.
fn text(detail: &Mutex<String>) -> String {
    detail
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

impl Steps {
    /// Tells how far the job is.
    pub fn say(&self, words: &str) {
        *self.detail.lock().unwrap_or_else(PoisonError::into_inner) = words.to_owned();
    }

    /// Runs one command to its end. Its output goes to a log file; when it fails, the last lines of
    /// that go into the error.
    pub fn run(&self, mut command: Command) -> Outcome {
        let log = self.log_file()?;
        let both = log
            .1
            .try_clone()
            .map_err(|error| format!("cannot write {}: {error}", log.0.display()))?;
        command.stdout(both).stderr(Stdio::piped());
        command
            .env("CARGO_TERM_PROGRESS_WHEN", "always")
            .env("CARGO_TERM_PROGRESS_WIDTH", "100");
        let mut child = command
            .spawn()
            .map_err(|error| shell::cannot_start(&command, &error))?;
        let _guard = Guard::over(&child);
        let lines = Arc::new(Mutex::new(LastLines::default()));
        let reader = self.read(&mut child, log.1, &lines);
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if self.stop.load(Ordering::Relaxed) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err("stopped, because another one failed".to_owned());
                }
                Ok(None) => thread::sleep(Duration::from_millis(50)),
                Err(error) => {
                    return Err(format!("`{}` was lost: {error}", shell::typed(&command)));
                }
            }
        };
        if let Some(reader) = reader {
            let _ = reader.join();
        }
        if status.success() {
            return Ok(());
        }
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).text();
        let typed = shell::typed(&command);
        Err(format!(
            "`{typed}` {}; its last lines (all of them: {}):\n{lines}",
            shell::ended(status),
            log.0.display()
        ))
    }

    /// Opens the job's log at its end: a job may take several commands.
    fn log_file(&self) -> Outcome<(PathBuf, std::fs::File)> {
        let folder = shell::root().join(".tools/log");
        let word = self.name.split(' ').next().unwrap_or("job");
        let path = folder.join(format!("{word}.log"));
        std::fs::create_dir_all(&folder)
            .and_then(|()| {
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&path)
            })
            .map(|file| (path.clone(), file))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Reads a child's messages on the side: into the log, the last lines and the progress.
    fn read(
        &self,
        child: &mut Child,
        mut log: std::fs::File,
        lines: &Arc<Mutex<LastLines>>,
    ) -> Option<thread::JoinHandle<()>> {
        let mut stderr = child.stderr.take()?;
        let lines = Arc::clone(lines);
        let detail = Arc::clone(&self.detail);
        Some(thread::spawn(move || {
            let mut chunk = [0; 4096];
            let mut pending = String::new();
            while let Ok(count @ 1..) = stderr.read(&mut chunk) {
                pending.push_str(&String::from_utf8_lossy(&chunk[..count]));
                while let Some(end) = pending.find(['\n', '\r']) {
                    let line: String = pending.drain(..=end).collect();
                    if let Some(count) = build_count(&line) {
                        *detail.lock().unwrap_or_else(PoisonError::into_inner) = count;
                    } else if !line.trim().is_empty() {
                        let _ = log.write_all(format!("{}\n", line.trim_end()).as_bytes());
                        lines
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(&line);
                    }
                }
            }
        }))
    }
}

/// The `12/345` of cargo's progress bar.
fn build_count(line: &str) -> Option<String> {
    let bar = line.trim_start().strip_prefix("Building [")?;
    let count = bar.split_once("] ")?.1.split(':').next()?.trim();
    let (done, all) = count.split_once('/')?;
    (done.parse::<u32>().is_ok() && all.parse::<u32>().is_ok()).then(|| count.to_owned())
}

#[cfg(test)]
mod tests {
    use super::build_count;

    #[test]
    fn reads_the_progress_bar() {
        let bar = "    Building [=====>      ] 120/368: syn, tokio";
        assert_eq!(build_count(bar).as_deref(), Some("120/368"));
        assert_eq!(build_count("   Compiling syn v2.0.1"), None);
    }
}
