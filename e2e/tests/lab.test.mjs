// A cluster is watched, broken and rewound with the mouse; what is shared is the same everywhere.
import assert from 'node:assert/strict';
import { cli, pageTest } from '../harness.mjs';
import { choose, command, elect, hash, hashIs, node, nodeIs, press, sharedLink, words } from '../lab.mjs';

const START = '#/raft/calm?seed=3&t=0s';

pageTest('a leader is elected, crashes, is replaced and comes back as a follower', async ({ page, visit }) => {
  await visit(START);
  const first = await elect(page);
  await choose(page, first, 'Crash');
  await nodeIs(page, first, 'down');
  const second = await elect(page, [first]);
  assert.notEqual(second, first);
  await choose(page, first, 'Restart');
  await press(page, '.', async () => /follower/.test(await words(page, first)), 'it came back');
  await page.locator('[data-check=election-safety][data-verdict=holds]').waitFor();
});

pageTest('a minority commits nothing', async ({ page, visit }) => {
  await visit(START);
  const old = await elect(page);
  const mate = ['n1', 'n2'].find((it) => it !== old);
  await command(page, `partition ${old} ${mate}`);
  await command(page, `request ${old} put lonely 1`);
  await elect(page, [old]);
  const row = page.getByRole('region', { name: 'Logs' }).getByRole('row', { name: new RegExp(`^${old}`, 'i') });
  await row.getByText(/lonely=1/).waitFor();
  assert.match(await row.getByText(/lonely=1/).textContent(), /not committed/);
});

pageTest('the network is cut by ticking the nodes of one side, and heals', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await page.getByRole('button', { name: /^Cut/ }).click();
  const picker = page.getByRole('dialog', { name: 'Cut the network' });
  await picker.getByRole('checkbox').first().check();
  await picker.getByRole('button', { name: 'Cut' }).click();
  const heal = page.locator('.cs-faults').getByRole('button', { name: /^Heal/ });
  await heal.click();
  await heal.and(page.locator(':disabled')).waitFor();
  assert.match(await sharedLink(page), /do=1s\+partition\+n1.*do=1s\+heal/);
});

pageTest('rewound and played again, everything comes out as it was', async ({ page, visit }) => {
  await visit(START);
  const first = await elect(page);
  const before = await hash(page);
  await choose(page, first, 'Crash');
  await elect(page, [first]);
  const after = await hash(page);
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('Home');
  await page.waitForFunction((it) => document.querySelector('[data-testid=trace-hash]').textContent !== it, after);
  assert.notEqual(await hash(page), before);
  await press(page, ']', async () => (await hash(page)) === after, 'the second election came out differently');
  await press(page, ',', async () => (await hash(page)) === before, 'the moment before the crash was not found');
});

pageTest('a link is the same run on another page and on the command line', async ({ page, context, visit }) => {
  await visit(START);
  const first = await elect(page);
  await choose(page, first, 'Crash');
  await elect(page, [first]);
  const here = await hash(page);
  const link = await sharedLink(page);
  const other = await context.newPage();
  await other.goto(link);
  await hashIs(other, here);
  const run = await cli(['replay', link, '--json']);
  assert.equal(run.code, 0, run.stderr);
  assert.equal(JSON.parse(run.stdout).trace_hash, here);
});

pageTest('the address follows, so that a reload shows the same place', async ({ page, visit }) => {
  await visit(START);
  await elect(page);
  const here = await hash(page);
  await page.waitForFunction(() => !location.hash.endsWith('t=0s'));
  await page.reload();
  await hashIs(page, here);
});

pageTest('a broken promise is told in a sentence, with the way to it', async ({ page, visit }) => {
  await visit('#/raft/figure-8-broken?t=2s');
  const check = page.locator('[data-check=leader-completeness][data-verdict=violated]');
  assert.match(await check.textContent(), /At 0\.5\d\d s: n5 leads term 4/);
  await check.getByRole('button', { name: 'Jump to it' }).click();
  await page.getByTestId('events').getByText(/n5 becomes leader: term 4/).waitFor();
});

pageTest('a rule that is switched off is part of the link, at the same moment', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  // So many rules are folded away until one is changed.
  await page.getByText(/^\d+ rules, /).click();
  const rule = page.getByRole('switch', { name: /Vote on disk/ });
  await rule.click();
  await rule.and(page.locator('[aria-checked=false]')).waitFor();
  const link = await sharedLink(page);
  assert.match(link, /set\.persist-vote=off/);
  assert.match(link, /t=1s/);
});

pageTest('a setting is taken, and the run begins again', { reducedMotion: 'reduce' }, async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await page.getByRole('button', { name: 'Settings' }).click();
  const dialog = page.getByRole('dialog', { name: 'Settings' });
  await dialog.getByLabel('Nodes', { exact: true }).fill('3');
  await dialog.getByLabel('Seed').fill('44');
  await dialog.getByRole('button', { name: /^Apply/ }).click();
  await page.getByTestId('seed').getByText('seed 44 · 3 nodes').waitFor();
  assert.match(await page.evaluate(() => location.hash), /seed=44&set\.nodes=3/);
});

pageTest('a scenario is chosen, and the way back leads to the one before', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await page.getByRole('combobox', { name: 'Scenario' }).selectOption('split-vote');
  await page.getByTestId('seed').getByText('4 nodes').waitFor();
  await page.waitForFunction(() => document.title.startsWith('Raft: A split vote'));
  await page.goBack();
  await page.getByTestId('seed').getByText('5 nodes').waitFor();
});
