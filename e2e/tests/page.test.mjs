// The page opens.
import assert from 'node:assert/strict';
import { pageTest } from '../harness.mjs';

pageTest('the page opens and says what it is', async ({ page, visit }) => {
  await visit();
  assert.match(await page.title(), /Clusterscope/);
  await page.getByText('Clusterscope').first().waitFor();
});

pageTest('a missing file is seen as such', async ({ page, site, problems }) => {
  await page.goto(new URL('no-such-page.html', site.url).href);
  assert.equal(problems.filter((problem) => problem.startsWith('404')).length, 1);
  problems.length = 0;
});

pageTest('the front page fetches its own program, and the whole page when the reader goes on', async ({ page, visit }) => {
  const fetched = [];
  page.on('request', (request) => fetched.push(request.url().split('/').pop()));
  const programs = () => fetched.filter((name) => name.endsWith('.wasm'));
  await visit();
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.deepEqual(programs(), ['clusterscope-front_bg.wasm']);
  await page.getByRole('link', { name: 'See a leader crash' }).click();
  await page.getByTestId('seed').waitFor();
  assert.deepEqual(programs(), ['clusterscope-front_bg.wasm', 'clusterscope-web_bg.wasm']);
  assert.equal(await page.locator('#app').evaluate((it) => it.childElementCount), 1);
  await page.goBack();
  await page.getByRole('heading', { level: 1 }).waitFor();
  assert.equal(programs().length, 2);
});

pageTest('a link into the lab fetches the whole page alone', async ({ page, visit }) => {
  const fetched = [];
  page.on('request', (request) => fetched.push(request.url().split('/').pop()));
  await visit('#/raft/calm');
  await page.getByTestId('seed').waitFor();
  assert.deepEqual(
    fetched.filter((name) => name.endsWith('.wasm')),
    ['clusterscope-web_bg.wasm'],
  );
});

pageTest('a front page whose rest cannot be fetched loads anew, where the address says', async ({ page, visit, problems }) => {
  let refuse = true;
  await page.route('**/clusterscope-web_bg.wasm', (route) => (refuse ? route.abort() : route.continue()));
  await visit();
  const again = page.waitForEvent('load');
  await page.getByRole('link', { name: 'See a leader crash' }).click();
  await again;
  refuse = false;
  await page.reload();
  await page.getByTestId('seed').waitFor();
  problems.length = 0;
});
