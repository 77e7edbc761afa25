// A telephone: nothing is lost, and nothing scrolls sideways.
import assert from 'node:assert/strict';
import { assertAccessible, pageTest } from '../harness.mjs';
import { elect, hash, node, nodeIs } from '../lab.mjs';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, reducedMotion: 'reduce' };

/** Fails when something is wider than the window. */
async function fits(page, where) {
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(widths[0] <= widths[1], `${where}: ${widths.join(' > ')}`);
}

pageTest('the gallery fits', PHONE, async ({ page, visit }) => {
  await visit();
  await fits(page, 'the gallery');
  await assertAccessible(page);
});

pageTest('every panel is a tab away and fits', PHONE, async ({ page, visit }) => {
  await visit('#/raft/leader-crash?t=1.5s');
  await fits(page, 'the lab');
  const tabs = page.getByRole('tablist', { name: 'Panels' }).getByRole('tab');
  const names = await tabs.allTextContents();
  assert.deepEqual(names, ['Faults', 'Inspect', 'Checks', 'Events', 'Log', 'Space–time']);
  for (const [index, name] of names.entries()) {
    await tabs.nth(index).click();
    await page.getByRole('tabpanel', { name }).first().waitFor();
    await fits(page, name);
    await assertAccessible(page);
  }
});

pageTest('tabs are worked by arrow keys', PHONE, async ({ page, visit }) => {
  await visit('#/raft/leader-crash?t=1.5s');
  await page.getByRole('tab', { name: 'Faults' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByRole('tab', { name: 'Inspect', selected: true }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Inspect');
});

pageTest('a finger crashes a leader', PHONE, async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=0s');
  const leader = await elect(page);
  await node(page, leader).tap();
  await page.getByRole('menuitem', { name: 'Crash', exact: true }).tap();
  await nodeIs(page, leader, 'down');
  assert.match(await hash(page), /^[0-9a-f]{16}$/);
});

for (const dialog of ['Share', 'Settings', 'Help']) {
  pageTest(`the dialog ${dialog} fits`, PHONE, async ({ page, visit }) => {
    await visit('#/raft/calm?t=1s');
    await page.getByRole('button', { name: new RegExp(`^${dialog}`) }).click();
    await page.getByRole('dialog').waitFor();
    await fits(page, dialog);
  });
}
