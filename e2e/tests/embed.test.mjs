// The element in other people's pages.
import assert from 'node:assert/strict';
import { assertAccessible, dist, pageTest, serveFolder } from '../harness.mjs';

const VIEW = { viewport: { width: 800, height: 600 } };

/** Waits until the element of this number runs. */
const ready = (page, index) =>
  page.waitForFunction((index) => document.querySelectorAll('cluster-scope')[index].moment, index);

/** Serves one page with an element from another origin, and opens it. */
async function host(page, site, body) {
  const html = `<!doctype html><html lang="en"><title>host</title><link rel="icon" href="data:,">
    <script type="module" src="${site.url}embed.js"></script><main>${body}</main></html>`;
  const other = await serveFolder(dist, { base: '/nothing/', pages: { '/page.html': html } });
  await page.goto(new URL('/page.html', other.url).href);
  return other;
}

pageTest('an article has three clusters, one engine, and starts each when it comes near', VIEW, async ({ page, site }) => {
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(new URL('examples/blog.html', site.url).href);
  await ready(page, 0);
  const moments = () => page.evaluate(() => [...document.querySelectorAll('cluster-scope')].map((it) => it.moment !== null));
  assert.deepEqual(await moments(), [true, false, false]);
  for (const index of [1, 2]) {
    await page.locator('cluster-scope').nth(index).scrollIntoViewIfNeeded();
    await ready(page, index);
  }
  assert.equal(asked.filter((it) => it.endsWith('.wasm')).length, 1);
  await assertAccessible(page);
});

pageTest('a cluster that is off the screen stands still and goes on later', VIEW, async ({ page, site }) => {
  await page.goto(new URL('examples/blog.html', site.url).href);
  await ready(page, 0);
  const time = () => page.evaluate(() => document.querySelector('cluster-scope').time);
  const start = await time();
  await page.waitForFunction((it) => document.querySelector('cluster-scope').time !== it, start);
  await page.locator('cluster-scope').nth(2).scrollIntoViewIfNeeded();
  await page.waitForFunction(async () => {
    const cluster = document.querySelector('cluster-scope');
    const before = cluster.time;
    for (let frame = 0; frame < 10; frame += 1) {
      await new Promise(requestAnimationFrame);
    }
    return cluster.playing && cluster.time === before;
  });
  const stood = await time();
  await page.locator('cluster-scope').first().scrollIntoViewIfNeeded();
  await page.waitForFunction((it) => document.querySelector('cluster-scope').time !== it, stood);
});

pageTest('buttons of the article work the cluster', { ...VIEW, reducedMotion: 'reduce' }, async ({ page, site }) => {
  await page.goto(new URL('examples/blog.html', site.url).href);
  await ready(page, 0);
  await page.evaluate(() => document.querySelector('cluster-scope').seek('900ms'));
  await page.getByRole('button', { name: 'Crash the leader' }).click();
  await page.locator('cluster-scope').first().getByRole('button', { name: /^n\d, down/ }).waitFor();
  await page.getByRole('button', { name: 'Restart it' }).click();
  await page.locator('cluster-scope').first().getByRole('button', { name: /^n\d, down/ }).waitFor({ state: 'detached' });
  assert.match(await page.evaluate(() => document.querySelector('cluster-scope').moment), /do=900ms\+crash\+leader/);
});

pageTest('the page hears of a broken promise', { ...VIEW, reducedMotion: 'reduce' }, async ({ page, site }) => {
  await page.goto(new URL('examples/blog.html', site.url).href);
  await page.locator('cluster-scope').nth(1).scrollIntoViewIfNeeded();
  await ready(page, 1);
  await page.evaluate(() => document.querySelectorAll('cluster-scope')[1].seek('2s'));
  await page.locator('#told').getByText(/n5 leads term 4/).waitFor();
});

pageTest('attributes are properties, and changing them changes the run', VIEW, async ({ page, site }) => {
  const other = await host(page, site, '<cluster-scope system="raft" scenario="calm" loading="eager"></cluster-scope>');
  await ready(page, 0);
  await page.evaluate(() => {
    const cluster = document.querySelector('cluster-scope');
    cluster.scenario = 'split-vote';
    cluster.seed = '9';
    cluster.startAt = '1s';
  });
  assert.equal(await page.evaluate(() => document.querySelector('cluster-scope').moment), '#/raft/split-vote?seed=9&t=1s');
  await page.getByText('Raft: A split vote').waitFor();
  await other.close();
});

for (const [attributes, words] of [
  ['system="rafft" scenario="calm"', /"rafft" is not a system/],
  ['system="raft" scenario="clam"', /"clam" is not a scenario of raft/],
  ['system="raft" scenario="calm" seed="x"', /"x" is not a seed/],
  ['system="raft" scenario="calm" speed="fast"', /"fast" is not a speed/],
  ['system="raft" scenario="calm" controls="some"', /"some" is not a value of controls/],
  ['link="https://example.org/"', /is not a link to a run/],
]) {
  pageTest(`the element says what is wrong with ${attributes}, and takes better`, VIEW, async ({ page, site }) => {
    const other = await host(page, site, `<cluster-scope ${attributes} loading="eager"></cluster-scope>`);
    await page.getByRole('alert').getByText(words).waitFor();
    await page.evaluate(() => {
      const cluster = document.querySelector('cluster-scope');
      cluster.speed = cluster.controls = null;
      cluster.link = '#/raft/calm?t=1s';
    });
    await ready(page, 0);
    await other.close();
  });
}

pageTest('an element that is moved goes on, one that is removed ends', VIEW, async ({ page, site }) => {
  const other = await host(page, site, '<cluster-scope system="raft" scenario="calm" start-at="1s" loading="eager"></cluster-scope><div id="there"></div>');
  await ready(page, 0);
  await page.evaluate(() => document.querySelector('#there').append(document.querySelector('cluster-scope')));
  assert.match(await page.evaluate(() => document.querySelector('cluster-scope').moment), /t=1s/);
  const gone = await page.evaluate(async () => {
    const cluster = document.querySelector('cluster-scope');
    cluster.remove();
    await Promise.resolve();
    return cluster.moment;
  });
  assert.equal(gone, null);
  await other.close();
});

pageTest('the page in a frame shows what its address says', async ({ page, site }) => {
  await page.goto(new URL('frame.html#/raft/leader-crash?seed=7&t=1.5s', site.url).href);
  await ready(page, 0);
  await page.getByText('Raft: The leader crashes').waitFor();
});

pageTest('when the engine breaks down the element says so, and starts again with another', VIEW, async ({ page, site }) => {
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const other = await host(page, site, '<cluster-scope system="raft" scenario="calm" start-at="1s" loading="eager"></cluster-scope>');
  await ready(page, 0);
  await page.evaluate(() => window.dispatchEvent(new CustomEvent('clusterscope-panic', { detail: 'for a test' })));
  await page.getByRole('alert').getByText('The simulation broke down: for a test').waitFor();
  await page.getByRole('button', { name: 'Reload' }).click();
  await ready(page, 0);
  assert.ok(asked.some((it) => it.endsWith('clusterscope-web.js?r=1')));
  await other.close();
});
