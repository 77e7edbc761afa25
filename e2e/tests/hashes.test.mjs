// A browser computes what the machine computes: the module that the site ships, in the worker that its search uses.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pageTest } from '../harness.mjs';

const GOLDEN = fileURLToPath(new URL('../../core/tests/golden/hashes.txt', import.meta.url));

/** Asks the site's worker for the hash of every link's run. */
function hashes(page, links) {
  return page.evaluate(async (links) => {
    const worker = new Worker('search-worker.js', { type: 'module' });
    const ask = (link) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data: [fine, value] }) => (fine ? resolve(value) : reject(new Error(value)));
        worker.postMessage([new URL('clusterscope-web_bg.wasm', document.baseURI).href, 'traceHash', link]);
      });
    const found = [];
    for (const link of links) {
      found.push(await ask(link));
    }
    worker.terminate();
    return found;
  }, links);
}

pageTest('every golden hash is the same in the browser', async ({ page, site }) => {
  const lines = (await readFile(GOLDEN, 'utf8')).trim().split('\n').map((line) => line.split(' '));
  assert.ok(lines.length >= 100, `only ${lines.length} hashes are compared`);
  await page.goto(new URL('frame.html', site.url).href);
  const found = await hashes(page, lines.map(([place, seed]) => `#/${place}?seed=${seed}`));
  assert.deepEqual(found.map((hash, at) => [...lines[at].slice(0, 2), hash]), lines);
});

pageTest('a link that is none is refused in the worker, too', async ({ page, site }) => {
  await page.goto(new URL('frame.html', site.url).href);
  await assert.rejects(hashes(page, ['#/raft/nowhere']), /"nowhere"/);
});
