// Asking by hand: a form for every kind of request, what was told, by whom, how long it took and whether it was stale.
import assert from 'node:assert/strict';
import { assertAccessible, pageTest } from '../harness.mjs';
import { hash, press } from '../lab.mjs';

const client = (page) => page.getByRole('region', { name: 'Client', exact: true });
const own = (page) => page.getByRole('region', { name: 'Your requests' });

pageTest('a form is filled in, and its answer says who answered and how long it took', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await client(page).getByRole('tab', { name: 'put' }).click();
  await client(page).getByLabel('key').fill('mine');
  assert.equal(await client(page).getByLabel('value').inputValue(), '1');
  await client(page).getByRole('button', { name: 'Ask' }).click();
  const row = own(page).getByRole('row', { name: /put mine 1/ });
  await row.waitFor();
  // The next one writes another value.
  assert.equal(await client(page).getByLabel('value').inputValue(), '2');
  await page.locator('.cs-lab').focus();
  await press(page, '.', async () => /written/.test(await row.textContent()), 'no answer came');
  assert.match(await row.textContent(), /n\d.*written.*\d ms/);
  await row.getByRole('button', { name: 'put mine 1' }).click();
  await page.getByRole('heading', { name: /^Event \d+/ }).waitFor();
});

pageTest('forms are chosen and filled in by keys alone', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await client(page).getByRole('tab', { selected: true }).focus();
  await page.keyboard.press('ArrowRight');
  await client(page).getByRole('tab', { name: 'get', selected: true }).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.type('y');
  await page.keyboard.press('Enter');
  await own(page).getByRole('row', { name: /get y/ }).or(own(page).getByRole('row', { name: /get xy/ })).waitFor();
});

pageTest('any request can be typed, and what is wrong with it is told', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await client(page).getByRole('tab', { name: 'other' }).click();
  await client(page).getByLabel('request').fill('fly to 7');
  await client(page).getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('alert').getByText(/fly/).first().waitFor();
  await client(page).getByLabel('request').fill('get mine');
  await client(page).getByRole('button', { name: 'Ask' }).click();
  await own(page).getByText('get mine').waitFor();
});

pageTest('a node to be asked about is chosen from a list', async ({ page, visit }) => {
  await visit('#/ping/calm?t=1s');
  await client(page).getByRole('combobox', { name: 'node', exact: true }).selectOption('n3');
  await client(page).getByRole('button', { name: 'Ask' }).click();
  await own(page).getByText('ping n3').waitFor();
  await page.locator('.cs-lab').focus();
  const row = own(page).getByRole('row', { name: /ping n3/ });
  await press(page, '.', async () => !/…/.test(await row.textContent()), 'no answer came');
  const here = await hash(page);
  await page.keyboard.press('Home');
  await own(page).waitFor({ state: 'detached' });
  await page.keyboard.press('End');
  await page.waitForFunction((it) => document.querySelector('[data-testid=trace-hash]').textContent === it, here);
});

pageTest('service over time is a chart with a table for those who do not see it', async ({ page, visit }) => {
  await visit('#/raft/leader-crash?t=3s');
  await page.getByRole('tab', { name: 'Service' }).click();
  const chart = page.getByRole('region', { name: 'Service' });
  const legend = chart.locator('.cs-chart-legend');
  await legend.getByText(/^done \d+/).waitFor();
  assert.ok((await chart.locator('.cs-chart-band').count()) > 0, 'what was broken is marked');
  const done = async () => Number((await legend.getByText(/^done \d+$/).textContent()).slice(5));
  const before = await done();
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('Home');
  await page.waitForFunction((it) => !document.querySelector('.cs-chart-legend')?.textContent.includes(it), `done ${before}`);
  await page.keyboard.press('End');
  await page.waitForFunction((it) => document.querySelector('.cs-chart-legend')?.textContent.includes(it), `done ${before}`);
});

for (const colorScheme of ['light', 'dark']) {
  const options = { colorScheme, reducedMotion: 'reduce' };
  pageTest(`requests and service are accessible in ${colorScheme}`, options, async ({ page, visit }) => {
    await visit('#/raft/leader-crash?t=1.5s&do=1.1s+request+n1+put+x+1');
    await own(page).getByText('put x 1').waitFor();
    await page.getByRole('tab', { name: 'Service' }).click();
    await assertAccessible(page);
  });
}
