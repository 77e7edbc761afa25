// Whether every engine computes the same: node e2e/hashes.mjs FROM TO SYSTEM/SCENARIO...
// Runs every seed natively (the command-line program), and in Node, Chromium and Firefox (the built site's own
// module), and compares the hashes of the traces. A browser is only started with a page, which posts what it
// computes: no driver, so the browser is the one that people have.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { dist, FLAGS, program } from './browser.mjs';
import { cli } from './cli.mjs';
import { serveFolder } from './server.mjs';

/** A browser that has said nothing for so long, in milliseconds, is given up. */
const SILENCE = 180_000;

/** Runs whose hashes are posted at once. */
const BATCH = 50;

/** Runs every link in a worker of the site, as the page's own search does. */
const PAGE = `<!doctype html><title>hashes</title><script type="module">
const post = (what) => fetch('/hashes', { method: 'POST', body: JSON.stringify(what) });
const links = await (await fetch('/links.html')).json();
const worker = new Worker('/search-worker.js', { type: 'module' });
const ask = (link) => new Promise((resolve, reject) => {
  worker.onmessage = ({ data: [fine, value] }) => (fine ? resolve(value) : reject(value));
  worker.onerror = (event) => reject(event.message || 'the worker could not be loaded');
  worker.postMessage(['/clusterscope-web_bg.wasm', 'traceHash', link]);
});
try {
  for (let from = 0; from < links.length; from += ${BATCH}) {
    const hashes = [];
    for (const link of links.slice(from, from + ${BATCH})) hashes.push(await ask(link));
    await post({ hashes, agent: navigator.userAgent });
  }
} catch (error) {
  await post({ trouble: String(error) });
}
</script>`;

/** What keeps Firefox from asking the outside world for anything, and from asking questions. */
const QUIET = {
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'http://127.0.0.1:9/',
  'toolkit.telemetry.enabled': false,
};

const [from, to, ...places] = process.argv.slice(2);
if (places.length === 0 || !(Number(from) <= Number(to))) {
  console.error('usage: node e2e/hashes.mjs FROM TO SYSTEM/SCENARIO...');
  process.exit(2);
}
const seeds = Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index);
const links = places.flatMap((place) => seeds.map((seed) => `#/${place}?seed=${seed}`));
const native = await natively();
let failed = !report('native', native);
for (const [name, compute] of [
  ['Node', inNode],
  ['Chromium', () => inBrowser(program, (profile) => [...FLAGS, `--user-data-dir=${profile}`])],
  ['Firefox', inFirefox],
]) {
  failed = !report(name, await compute().catch((error) => ({ trouble: String(error.message ?? error) }))) || failed;
}
process.exitCode = failed ? 1 : 0;

/** By the command-line program, one process for each run. */
async function natively() {
  const began = performance.now();
  const hashes = [];
  let next = 0;
  const hand = async () => {
    while (next < links.length) {
      const place = next++;
      const { stdout, stderr } = await cli(['replay', links[place], '--json']);
      if (!stdout) {
        throw new Error(`${links[place]}: ${stderr}`);
      }
      hashes[place] = JSON.parse(stdout).trace_hash;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, hand));
  return { hashes, agent: `${process.platform} ${process.arch}`, seconds: (performance.now() - began) / 1e3 };
}

/** By the site's own module, outside any browser. */
async function inNode() {
  const began = performance.now();
  // The folder is no package, so Node would not take the file for a module.
  const text = await readFile(path.join(dist, 'clusterscope-web.js'), 'utf8');
  const engine = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  await engine.default({ module_or_path: await readFile(path.join(dist, 'clusterscope-web_bg.wasm')) });
  const hashes = links.map((link) => engine.traceHash(link));
  return { hashes, agent: process.version, seconds: (performance.now() - began) / 1e3 };
}

async function inFirefox() {
  const firefox = await findFirefox();
  if (!firefox) {
    return { missing: 'is not installed; name one in the variable FIREFOX' };
  }
  return inBrowser(firefox, async (profile) => {
    const lines = Object.entries(QUIET).map(([key, value]) => `user_pref("${key}", ${JSON.stringify(value)});\n`);
    await writeFile(path.join(profile, 'user.js'), lines.join(''));
    return ['--headless', '--no-remote', '--profile', profile];
  });
}

async function findFirefox() {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  const names = ['firefox', 'firefox-esr'].flatMap((name) => folders.map((folder) => path.join(folder, name)));
  for (const name of [process.env.FIREFOX, ...names].filter(Boolean)) {
    const found = await access(name, constants.X_OK).then(() => true, () => false);
    if (found) {
      return name;
    }
  }
  return undefined;
}

/** Starts a browser with a new profile and the page, and listens until it has told every hash. */
async function inBrowser(browser, flags) {
  const began = performance.now();
  const profile = await mkdtemp(path.join(tmpdir(), 'clusterscope-'));
  const hashes = [];
  let settle;
  const told = new Promise((resolve, reject) => (settle = { resolve, reject }));
  const silent = () => settle.reject(new Error(`said nothing for ${SILENCE / 1e3} s, after ${hashes.length} runs`));
  let timer = setTimeout(silent, SILENCE);
  let agent = '';
  const site = await serveFolder(dist, {
    pages: { '/hashes.html': PAGE, '/links.html': JSON.stringify(links) },
    heard: (text) => {
      const said = JSON.parse(text);
      if (said.trouble) {
        settle.reject(new Error(said.trouble));
        return;
      }
      timer.refresh();
      hashes.push(...said.hashes);
      agent = said.agent.match(/(Firefox|Chrome)\/[\d.]+/)?.[0] ?? said.agent;
      if (hashes.length >= links.length) {
        settle.resolve();
      }
    },
  });
  // A group of its own, so that its helpers end with it.
  const args = [...(await flags(profile)), `${site.url}hashes.html`];
  const child = spawn(browser, args, { detached: true, stdio: 'ignore' });
  child.on('error', settle.reject);
  child.on('exit', (code) => settle.reject(new Error(`ended early, with ${code}, after ${hashes.length} runs`)));
  try {
    await told;
  } finally {
    clearTimeout(timer);
    if (child.pid && child.exitCode === null) {
      process.kill(-child.pid, 'SIGKILL');
      await new Promise((resolve) => child.once('close', resolve));
    }
    await site.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
  return { hashes, agent, seconds: (performance.now() - began) / 1e3 };
}

/** Prints a line for each place; false when an engine came to something else. */
function report(name, { hashes, agent, seconds, trouble, missing }) {
  if (missing || trouble) {
    console.log(`${name}: ${missing ?? trouble}`);
    return Boolean(missing);
  }
  console.log(`${name}, ${agent}: ${seconds.toFixed(0)} s`);
  let fine = true;
  places.forEach((place, index) => {
    const row = (it) => it.slice(index * seeds.length, (index + 1) * seeds.length);
    const [mine, theirs] = [row(hashes), row(native.hashes)];
    const others = seeds.filter((_, at) => mine[at] !== theirs[at]);
    const sum = createHash('sha256').update(mine.join('\n')).digest('hex').slice(0, 16);
    const same = hashes === native.hashes ? 'what the others must come to' : 'the same';
    const told = others.length === 0 ? same : `${others.length} DIFFERENT: seeds ${others.slice(0, 9).join(', ')}`;
    console.log(`  ${place.padEnd(24)} ${String(mine.length).padStart(6)} hashes, together ${sum}: ${told}`);
    fine &&= others.length === 0;
  });
  return fine;
}
