// Two runs beside each other: one clock, the same commands for both, and the first event in which they differ.
import assert from 'node:assert/strict';
import { assertAccessible, pageTest } from '../harness.mjs';
import { command } from '../lab.mjs';

const two = (left, right) => `#/compare?left=${encodeURIComponent(left)}&right=${encodeURIComponent(right)}`;
const side = (page, letter) => page.getByRole('region', { name: `Run ${letter}`, exact: true });
const hashes = (page) => page.getByTestId('trace-hash').allTextContents();
const parting = (page) => page.getByTestId('parting');
const TWINS = two('raft/calm?seed=3&t=1s', 'raft/calm?seed=3');
const OTHERS = two('raft/calm?seed=3&t=1s', 'raft/calm?seed=4');

pageTest('two of the same stay the same, whatever is done to both', async ({ page, visit }) => {
  await visit(TWINS);
  await parting(page).getByText(/^The same, event for event/).waitFor();
  await page.getByRole('button', { name: /^Crash/ }).click();
  for (const key of ['.', ']', ',', '[', ']', ']']) {
    await page.keyboard.press(key);
    const [left, right] = await hashes(page);
    assert.equal(left, right, `after ${key}`);
  }
  await page.waitForFunction(() => (location.hash.match(/crash/g) ?? []).length === 2);
});

pageTest('the first event in which they differ is named, and one can go there', async ({ page, visit }) => {
  await visit(two('raft/calm?seed=3&t=2s', 'raft/calm?seed=3&do=1s+crash+n1'));
  await parting(page).getByText(/They part at 1\.000 s/).waitFor();
  await parting(page).getByRole('button', { name: 'Jump to it' }).click();
  const clock = page.getByRole('status', { name: 'Time in the run' });
  await clock.getByText('1.000 s').waitFor();
});

pageTest('a command that one side does not accept is told there', async ({ page, visit }) => {
  await visit(two('raft/calm?seed=3&t=1s', 'raft/calm?seed=3&set.nodes=3'));
  await command(page, 'crash n5');
  await side(page, 'B').getByRole('alert').getByText(/n5/).waitFor();
  assert.equal(await side(page, 'A').getByText(/is no node here/).count(), 0);
});

pageTest('from the lab: another seed, a rule, another scenario, and back', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  const open = async () => {
    await page.getByRole('button', { name: 'Compare', exact: true }).click();
    return page.getByRole('dialog', { name: 'Compare with…' });
  };
  let dialog = await open();
  const seed = dialog.getByRole('form', { name: 'Other luck' });
  await seed.getByLabel('Seed').fill('none');
  await seed.getByRole('button').click();
  await dialog.getByRole('alert').getByText(/none/).waitFor();
  await seed.getByLabel('Seed').fill('9');
  await seed.getByRole('button').click();
  await side(page, 'B').getByText(/seed 9/).waitFor();
  await page.goBack();
  await page.getByTestId('seed').waitFor();
  dialog = await open();
  const change = dialog.getByRole('form', { name: 'One thing changed' });
  await change.getByLabel('Rule or setting').selectOption('persist-vote');
  await change.getByRole('button').click();
  await side(page, 'B').getByText(/persist-vote off/).waitFor();
  await page.goBack();
  await page.getByTestId('seed').waitFor();
  dialog = await open();
  const scenario = dialog.getByRole('form', { name: 'Another scenario' });
  await scenario.getByLabel('Scenario to compare with').selectOption('ping/calm');
  await scenario.getByRole('button').click();
  await side(page, 'B').getByRole('heading', { name: /Ping/ }).waitFor();
});

pageTest('an earlier course of events stands beside the present one', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=2s');
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('Home');
  await command(page, 'crash n2');
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await page.getByRole('button', { name: /^left at 0\.000 s: nothing done/ }).click();
  await parting(page).getByText(/They part|The same/).first().waitFor();
  const link = await page.evaluate(() => location.hash);
  assert.equal((link.match(/crash/g) ?? []).length, 1, link);
});

pageTest('the link brings both back, and a bad one is told', async ({ page, visit }) => {
  await visit(OTHERS);
  await parting(page).getByText(/^They part at/).waitFor();
  await page.keyboard.press('.');
  await page.waitForFunction(() => !location.hash.includes('t%3D1s&'));
  const before = await hashes(page);
  await page.reload();
  await side(page, 'B').waitFor();
  assert.deepEqual(await hashes(page), before);
  await visit('#/compare?left=raft%2Fcalm');
  await page.getByRole('alert').getByText(/"right" is missing/).waitFor();
});

for (const [name, options] of [
  ['wide', {}],
  ['wide and dark', { colorScheme: 'dark' }],
  ['narrow', { viewport: { width: 360, height: 740 }, hasTouch: true }],
]) {
  pageTest(`two runs are accessible, ${name}`, { reducedMotion: 'reduce', ...options }, async ({ page, visit }) => {
    await visit(OTHERS);
    for (const tab of ['Space–time', 'Service', 'Checks', 'Pictures', 'Inspect']) {
      await page.getByRole('tab', { name: tab, exact: true }).first().click();
      await assertAccessible(page);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
  });
}
