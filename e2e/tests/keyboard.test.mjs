// Everything that the mouse does, the keyboard does.
import assert from 'node:assert/strict';
import { pageTest } from '../harness.mjs';
import { elect, hash, hashIs, leaders, node, nodeIs, press, words } from '../lab.mjs';

const START = '#/raft/calm?seed=3&t=0s';

pageTest('by keys alone a leader falls, another is elected, and the first comes back', async ({ page, visit }) => {
  await visit(START);
  const first = await elect(page);
  await page.keyboard.press('c');
  await nodeIs(page, first, 'down');
  const second = await elect(page, [first]);
  assert.notEqual(second, first);
  await page.keyboard.press('r');
  await press(page, '.', async () => /follower/.test(await words(page, first)), 'it came back');
});

pageTest('keys pause and resume, cut and heal', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  const [leader] = await leaders(page);
  await page.keyboard.press('z');
  const paused = page.locator('.cs-stage').getByRole('button', { name: /paused/ });
  await paused.and(node(page, leader)).waitFor();
  await page.keyboard.press('z');
  await paused.waitFor({ state: 'detached' });
  await page.keyboard.press('p');
  const picker = page.getByRole('dialog', { name: 'Cut the network' });
  await picker.waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await picker.getByText(/n1 \|/).waitFor();
  await page.keyboard.press('Escape');
  await picker.waitFor({ state: 'detached' });
  // The focus is back in the lab, so that its keys go on working.
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Help' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Help' }).waitFor({ state: 'detached' });
});

pageTest('a node is reached by Tab, picked out by Enter and left by Escape', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  for (let count = 0; count < 60; count += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.matches('.cs-stage .cs-node'))) {
      break;
    }
  }
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.getByRole('menu').waitFor();
  await page.getByRole('region', { name: /^n2/ }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('menu').waitFor({ state: 'detached' });
  await page.keyboard.press('Escape');
  await page.getByText('Select a node, a message or an event').waitFor();
});

pageTest('steps go forth and back to the same place', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=500ms');
  await page.keyboard.press('.');
  const here = await hash(page);
  await page.keyboard.press('ArrowRight');
  await page.waitForFunction((it) => document.querySelector('[data-testid=trace-hash]').textContent !== it, here);
  await page.keyboard.press(',');
  await hashIs(page, here);
});

pageTest('what is typed into a field breaks nothing', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  const here = await hash(page);
  await page.getByRole('textbox', { name: 'key' }).pressSequentially('crash h z . , ]');
  assert.equal(await hash(page), here);
});

pageTest('turns are told to those who cannot see them', async ({ page, visit }) => {
  await visit(START);
  const leader = await elect(page);
  await page.locator('[role=status][aria-live]').getByText(new RegExp(`${leader} becomes leader`)).waitFor();
});
