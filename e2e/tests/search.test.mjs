// Searching seeds in the page: in workers, while the page goes on.
import assert from 'node:assert/strict';
import { assertAccessible, cli, pageTest } from '../harness.mjs';

const dialog = (page) => page.getByRole('dialog', { name: 'Search seeds' });

/** Opens the dialog and searches; `fields` are filled in before. */
async function search(page, fields = {}, goal) {
  await page.getByRole('button', { name: 'Search seeds' }).click();
  if (goal) {
    await dialog(page).getByRole('combobox', { name: 'Look for' }).selectOption({ label: goal });
  }
  for (const [label, text] of Object.entries(fields)) {
    await dialog(page).getByRole('textbox', { name: label }).fill(text);
  }
  await dialog(page).getByRole('button', { name: 'Search', exact: true }).click();
}

/** Waits for what is said at the end. */
const says = (page, text) => dialog(page).getByRole('status').filter({ hasText: text }).waitFor();

/** What the command line finds. */
async function found(args) {
  const { stdout } = await cli(['search', ...args, '--json']);
  return JSON.parse(stdout).found;
}

pageTest('the page finds what the command line finds, and goes there', async ({ page, visit }) => {
  const { seed, link } = await found(['raft/swarm', '--set', 'persist-vote=off']);
  await visit('#/raft/swarm?set.persist-vote=off');
  await search(page);
  await says(page, `Found: seed ${seed}`);
  await dialog(page).getByRole('link', { name: `Seed ${seed}` }).click();
  await page.waitForFunction((link) => location.hash === link, link);
  await dialog(page).waitFor({ state: 'detached' });
  await page.getByTestId('seed').filter({ hasText: `seed ${seed} ` }).waitFor();
});

pageTest('what was found is made small, and still fails', async ({ page, visit }) => {
  await visit('#/raft/swarm?set.up-to-date-vote=off');
  await search(page);
  await says(page, /Found: seed \d+/);
  await dialog(page).getByRole('button', { name: 'Make it small' }).click();
  const small = dialog(page).getByRole('link', { name: /instead of/ });
  await small.waitFor();
  await dialog(page).getByRole('button', { name: 'Search', exact: true }).waitFor();
  const link = await small.getAttribute('href');
  assert.match(link, /script=off/);
  assert.ok(link.split('&do=').length <= 13, link);
  const { code, stdout } = await cli(['replay', link, '--json']);
  assert.equal(code, 1);
  const fallen = JSON.parse(stdout).checks.filter((it) => it.verdict === 'violated');
  assert.ok(fallen.length > 0);
});

pageTest('a moment is found', async ({ page, visit }) => {
  const moment = 'count(role=leader) >= 2 and time > 2s';
  const { seed } = await found(['raft/swarm', '--until', moment]);
  await visit('#/raft/swarm');
  await search(page, { Moment: moment }, 'A moment…');
  await says(page, `Found: seed ${seed}`);
});

pageTest('nothing found is said', async ({ page, visit }) => {
  await visit('#/raft/calm');
  await search(page, { 'To seed': '30' });
  await says(page, 'Nothing found under 30 seeds');
});

pageTest('bad input is quoted, and nothing is begun', async ({ page, visit }) => {
  await visit('#/raft/calm');
  await search(page, { 'To seed': 'many' });
  await dialog(page).getByRole('alert').filter({ hasText: '"many"' }).waitFor();
  await dialog(page).getByRole('textbox', { name: 'To seed' }).fill('9');
  await dialog(page).getByRole('combobox').selectOption({ label: 'A moment…' });
  await dialog(page).getByRole('textbox', { name: 'Moment' }).fill('n9.role = leader');
  await dialog(page).getByRole('button', { name: 'Search', exact: true }).click();
  await dialog(page).getByRole('alert').filter({ hasText: 'n1 to n5' }).waitFor();
  assert.equal(await dialog(page).getByRole('progressbar').count(), 0);
});

pageTest('a search is cancelled, and its workers are gone', async ({ page, visit }) => {
  await visit('#/raft/swarm');
  await search(page, { 'To seed': '1000000' });
  await page.getByTestId('progress').filter({ hasText: /^[1-9]/ }).waitFor();
  assert.ok(page.workers().length >= 1);
  // The page answers while the workers run.
  await dialog(page).getByRole('button', { name: 'Cancel' }).click();
  await says(page, 'Cancelled');
  await assertGone(page);
  // Closing the dialog ends a search as well.
  await dialog(page).getByRole('button', { name: 'Search', exact: true }).click();
  await page.getByTestId('progress').filter({ hasText: /^[1-9]/ }).waitFor();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  await assertGone(page);
});

async function assertGone(page) {
  for (let turn = 0; turn < 50 && page.workers().length > 0; turn += 1) {
    await page.waitForTimeout(100);
  }
  assert.equal(page.workers().length, 0);
}

pageTest('a worker that cannot be loaded says so', async ({ page, context, visit, problems }) => {
  await context.route('**/search-worker.js', (route) => route.fulfill({ status: 404, body: 'gone' }));
  await visit('#/raft/calm');
  await search(page);
  await dialog(page).getByRole('alert').filter({ hasText: 'could not be loaded' }).waitFor();
  await dialog(page).getByRole('button', { name: 'Search', exact: true }).waitFor();
  problems.length = 0;
});

pageTest('the module is loaded once for page and workers', async ({ page, visit }) => {
  let loads = 0;
  page.context().on('request', (request) => (loads += request.url().endsWith('.wasm') ? 1 : 0));
  await visit('#/raft/calm');
  await search(page, { 'To seed': '10' });
  await says(page, 'Nothing found under 10 seeds');
  assert.equal(loads, 1);
});

pageTest('the keyboard is enough', async ({ page, visit }) => {
  await visit('#/raft/swarm?set.up-to-date-vote=off');
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('f');
  await dialog(page).getByRole('textbox', { name: 'From seed' }).focus();
  await page.keyboard.press('Enter');
  await says(page, /Found: seed \d+/);
  await dialog(page).getByRole('link', { name: /^Seed \d+/ }).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => location.hash.includes('step='));
});

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 360, height: 740 }]) {
    const name = `the search is accessible in ${colorScheme}, ${viewport.width} wide`;
    pageTest(name, { colorScheme, viewport, reducedMotion: 'reduce' }, async ({ page, visit }) => {
      await visit('#/raft/swarm?set.up-to-date-vote=off&t=1s');
      await search(page, { Moment: 'down >= 1' }, 'A moment…');
      await says(page, 'Found');
      await assertAccessible(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `the page is ${wide} pixels too wide`);
      const over = await dialog(page).evaluate((it) => it.scrollWidth - it.clientWidth);
      assert.ok(over <= 0, `the dialog is ${over} pixels too wide`);
    });
  }
}
