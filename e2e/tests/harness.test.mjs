// The watch over the pages sees what it is there to see: without this, a blind watch passes every test.
import assert from 'node:assert/strict';
import { accessibilityProblems, dist, pageTest, serveFolder } from '../harness.mjs';

const BAD = {
  '/console.html': '<title>x</title><script>console.error("told so")</script>',
  '/throws.html': '<title>x</title><script>setTimeout(() => { throw new Error("thrown") })</script>',
  '/missing.html': '<title>x</title><script src="nowhere.js"></script>',
  '/leaves.html': '<title>x</title><img alt="" src="http://example.org/spy.png">',
  '/unlabelled.html': '<!doctype html><html lang="en"><title>x</title><main><button></button></main></html>',
};

/** Opens one bad page and gives what was noted, leaving nothing for the test's end. */
async function noted(page, problems, where) {
  const site = await serveFolder(dist, { pages: BAD });
  await page.goto(new URL(where, site.url).href);
  await page.waitForTimeout(100);
  await site.close();
  return problems.splice(0).join('\n');
}

for (const [where, expected] of [
  ['console.html', /console error: told so/],
  ['throws.html', /page error: .*thrown/],
  ['missing.html', /404 for .*nowhere\.js/],
  ['leaves.html', /asks another machine: http:\/\/example\.org\/spy\.png/],
]) {
  pageTest(`the watch notes ${where}`, async ({ page, problems }) => {
    assert.match(await noted(page, problems, where), expected);
  });
}

pageTest('axe-core notes a button without a name', async ({ page, problems }) => {
  assert.equal(await noted(page, problems, 'unlabelled.html'), '');
  assert.match((await accessibilityProblems(page)).join('\n'), /button-name/);
});

pageTest('the server gives nothing from outside its folder', async ({ context }) => {
  const site = await serveFolder(dist, { base: '/labs/' });
  const status = async (where) => (await context.request.get(new URL(where, site.url).href)).status();
  assert.equal(await status(''), 200);
  assert.equal(await status('/index.html'), 404);
  assert.equal(await status('..%2f..%2fCargo.toml'), 404);
  const wasm = (await (await context.request.get(site.url)).text()).match(/clusterscope-[\w.-]+\.wasm/)[0];
  const answer = await context.request.get(new URL(wasm, site.url).href);
  assert.equal(answer.headers()['content-type'], 'application/wasm');
  await site.close();
});
