// Every fault by hand, by mouse and by keys; what is amiss is seen, and ends when it is undone.
import assert from 'node:assert/strict';
import { assertAccessible, pageTest } from '../harness.mjs';
import { choose, command, done, hash, node, nodeIs, pick, press, words } from '../lab.mjs';

const LAB = '#/raft/calm?seed=3&t=1s';
const STILL = { reducedMotion: 'reduce' };

/** The list of what is amiss with the network. */
const amiss = (page) => page.getByRole('list', { name: 'Amiss in the network' });

/** A line of that list. */
const oddity = (page, text) => amiss(page).getByRole('listitem').filter({ hasText: text });

/** Goes from step to step until a node says this of itself. */
const says = (page, name, what) => press(page, '.', async () => what.test(await words(page, name)), `${name}: ${what}`);

/** The message that the keys reach first, as a screen reader has it. */
const message = (page) => page.locator('.cs-message-seat').first();

pageTest('faults of a machine, its disk and its clock come from the menu of a node', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await choose(page, 'n2', 'Disk: full');
  await choose(page, 'n2', 'Machine: 50 ms slower');
  await node(page, 'n2').and(page.getByRole('button', { name: /disk is full, each event takes 50ms more/ })).waitFor();
  await choose(page, 'n2', 'Disk: works again');
  await choose(page, 'n1', 'Crash it: before sync');
  await choose(page, 'n3', 'Clock: 10 % fast');
  await choose(page, 'n5', 'Machine: wipe');
  await nodeIs(page, 'n5', 'down');
  assert.deepEqual(await done(page), [
    'disk n2 full',
    'slow n2 50ms',
    'disk n2 fine',
    'crash n1 before sync',
    'drift n3 +100000ppm',
    'wipe n5',
  ]);
  await page.locator('.cs-lab').focus();
  await says(page, 'n1', /down/);
});

pageTest('the same by keys, from the menu of a node', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await node(page, 'n2').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'Crash', exact: true }).and(page.locator(':focus')).waitFor();
  const goTo = async (name, role = 'menuitem') => {
    const item = page.getByRole(role, { name, exact: true });
    for (let count = 0; count < 60 && !(await item.evaluate((it) => it.matches(':focus'))); count += 1) {
      await page.keyboard.press('ArrowDown');
    }
    await page.keyboard.press('Enter');
  };
  await goTo('Faults last: 500 ms', 'menuitemradio');
  await goTo('More…');
  await page.getByRole('menuitem', { name: 'Back' }).and(page.locator(':focus')).waitFor();
  await goTo('Disk: lies');
  await page.getByRole('menu').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.matches('.cs-node')), true);
  await nodeIs(page, 'n2', '.*disk lies');
  assert.deepEqual(await done(page), ['disk n2 lies for 500ms']);
});

pageTest('a fault that was given a length ends by itself', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await page.locator('.cs-left').getByRole('combobox', { name: 'Faults last' }).selectOption('500 ms');
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('c');
  const [told] = await done(page);
  assert.equal(told, 'crash leader for 500ms');
  await nodeIs(page, 'n4', 'down');
  await page.locator('.cs-lab').focus();
  await press(page, ']', async () => !/down/.test(await words(page, 'n4')), 'it came back');
});

pageTest('a message is held where it is and released', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await node(page, 'n1').focus();
  await page.keyboard.press('m');
  await message(page).and(page.locator(':focus')).waitFor();
  const name = await message(page).getAttribute('aria-label');
  await page.keyboard.press('Enter');
  await pick(page, 'Hold');
  const held = page.locator('.cs-stage').getByRole('button', { name: `${name}, held`, exact: true });
  await page.locator('.cs-lab').focus();
  for (let count = 0; count < 20; count += 1) {
    await page.keyboard.press('.');
  }
  await held.waitFor();
  await page.getByRole('region', { name: /m\d+$/ }).getByText('still, until it is released').waitFor();
  await page.getByRole('region', { name: /m\d+$/ }).getByRole('button', { name: 'Release', exact: true }).click();
  await held.waitFor({ state: 'detached' });
  const did = await done(page);
  assert.match(did.join(), /^hold (m\d+),release \1$/);
});

pageTest('messages of a kind wait, are lost, and pass again', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await node(page, 'n1').focus();
  await page.keyboard.press('m');
  await message(page).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  const kind = await page.getByRole('menu').getAttribute('aria-label');
  await pick(page, `Every ${kind}: hold`);
  await oddity(page, `${kind} waits`).getByRole('button').click();
  await amiss(page).waitFor({ state: 'detached' });
  assert.deepEqual(await done(page), [`hold ${kind}`, `pass ${kind}`]);
});

pageTest('a link is pressed on the stage, and cut, clogged and slowed', STILL, async ({ page, visit }) => {
  await visit(LAB);
  const middle = async (name) => {
    const box = await node(page, name).boundingBox();
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  // Not in the middle, where a message may be in the way.
  const press = async () => {
    const [[x, y], [u, v]] = [await middle('n1'), await middle('n2')];
    await page.mouse.click(x + (u - x) * 0.4, y + (v - y) * 0.4);
  };
  for (const item of ['Cut n1 → n2', 'Mend', 'Clog', 'Both ways: takes 80 ms', 'n2 → n1: loses 50 %']) {
    await press();
    await page.getByRole('menu', { name: 'n1 – n2' }).waitFor();
    await pick(page, item);
  }
  await oddity(page, 'n1-n2 is clogged').waitFor();
  await oddity(page, 'n1-n2 takes 80ms').waitFor();
  await oddity(page, 'n2>n1 loses 50%').getByRole('button').click();
  await amiss(page).getByText('n1-n2 is clogged').waitFor();
  assert.deepEqual(await done(page), [
    'cut n1>n2',
    'mend n1-n2',
    'clog n1-n2',
    'link n1-n2 latency 80ms',
    'link n2>n1 loss 50%',
    'link n2>n1 plain',
  ]);
});

pageTest('a link is chosen by keys in the column of the network', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await page.getByText('One link, one kind…').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('combobox', { name: 'Direction' }).selectOption('one');
  await page.getByRole('combobox', { name: 'From' }).selectOption('c1');
  const group = page.getByRole('group', { name: 'c1>n2', exact: true });
  await group.getByRole('button', { name: 'c1>n2: cut' }).focus();
  await page.keyboard.press('Enter');
  await oddity(page, 'c1>n2 is cut').waitFor();
  await page.getByRole('textbox', { name: 'Latency of its own' }).fill('a while');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText(/"a while"/).waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Latency of its own' }).inputValue(), 'a while');
  await page.getByRole('textbox', { name: 'Loss of its own' }).fill('5%');
  await page.keyboard.press('Enter');
  await oddity(page, 'c1>n2 loses 5%').waitFor();
});

pageTest('the nodes are split in a shape, one way, and united', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('p');
  const picker = page.getByRole('dialog', { name: 'Cut the network' });
  await picker.getByRole('checkbox').nth(1).check();
  await picker.getByRole('radio', { name: 'out of it' }).check();
  await picker.getByText('n2 > n1 n3 n4 n5').waitFor();
  await picker.getByRole('button', { name: 'Cut', exact: true }).click();
  await oddity(page, 'the nodes are split').getByRole('button').click();
  await amiss(page).waitFor({ state: 'detached' });
  await page.locator('.cs-lab').focus();
  await page.keyboard.press('p');
  await picker.getByRole('button', { name: 'bridge' }).click();
  await oddity(page, 'the nodes are split').waitFor();
  assert.deepEqual(await done(page), ['partition n2 > n1 n3 n4 n5', 'unite', 'split bridge']);
});

pageTest('a client crashes, comes back and is cut from a node', STILL, async ({ page, visit }) => {
  await visit(LAB);
  const client = page.locator('.cs-stage').getByRole('button', { name: /^c1/ });
  await client.click();
  await pick(page, 'Crash');
  await client.getByText('crashed').waitFor();
  await client.focus();
  await page.keyboard.press('Enter');
  await pick(page, 'Restart');
  await client.click();
  await pick(page, 'Cut from: n3');
  await page.keyboard.press('Escape');
  await oddity(page, 'n3-c1 is cut').waitFor();
});

pageTest('nodes join and leave where a system allows it, and only there', STILL, async ({ page, visit }) => {
  await visit('#/ping/calm?t=500ms');
  await page.locator('.cs-left .cs-faults ~ details > summary').click();
  await page.getByRole('button', { name: 'Nodes: a new node joins' }).click();
  await nodeIs(page, 'n4', '');
  const before = await node(page, 'n1').boundingBox();
  await choose(page, 'n2', 'Machine: leave for good');
  await nodeIs(page, 'n2', 'gone');
  assert.deepEqual(await node(page, 'n1').boundingBox(), before, 'those that stay keep their seats');
  await node(page, 'n2').click();
  await page.getByText('It has left the cluster for good.').waitFor();
  await visit('#/paxos/calm?seed=4&t=1s');
  await page.getByTestId('seed').getByText('seed 4').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Nodes: a new node joins' }).count(), 0);
});

pageTest('what is typed wrong is quoted beside the line and stays there', STILL, async ({ page, visit }) => {
  await visit(LAB);
  const here = await hash(page);
  const line = page.getByRole('combobox', { name: 'Command', exact: true });
  for (const [text, wrong] of [
    ['disk n1 burns', /"burns" is not what a disk does/],
    ['crash n9', /"n9" is not in this cluster/],
    ['crash c9 before sync', /"c9" is no node/],
  ]) {
    await command(page, text);
    await page.locator('#cs-command-problem').getByText(wrong).waitFor();
    assert.equal(await line.inputValue(), text);
    assert.equal(await line.getAttribute('aria-invalid'), 'true');
  }
  assert.equal(await hash(page), here);
  await command(page, 'every 20ms until 3s clock n1 +200ms for 10ms');
  await page.locator('#cs-command-problem').and(page.locator(':empty')).waitFor({ state: 'attached' });
  assert.equal(await line.inputValue(), '');
  await page.getByText('What can be typed').click();
  await page.getByRole('button', { name: 'split halves' }).click();
  assert.equal(await line.inputValue(), 'split halves');
  await line.press('Enter');
  await oddity(page, 'the nodes are split').waitFor();
});

pageTest('a setting changes while the run goes on', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await page.getByText('More that can change…').click();
  const field = page.getByLabel('Disk write', { exact: true });
  assert.equal(await field.inputValue(), '1ms');
  await field.fill('soon');
  await field.press('Enter');
  await page.getByRole('alert').getByText(/"soon"/).waitFor();
  assert.equal(await field.inputValue(), 'soon');
  await field.fill('20ms');
  await field.press('Enter');
  await page.getByRole('alert').getByText(/./).waitFor({ state: 'detached' });
  assert.deepEqual(await done(page), ['set disk 20ms']);
});

pageTest('settings stand in groups, and what is rare is folded away', STILL, async ({ page, visit }) => {
  await visit(LAB);
  await page.getByRole('button', { name: 'Settings' }).click();
  const dialog = page.getByRole('dialog', { name: 'Settings' });
  for (const title of ['Network', 'Machines', 'Clients']) {
    await dialog.getByRole('group', { name: title }).waitFor();
  }
  const zipf = dialog.getByLabel('Unevenness of keys (Zipf)');
  assert.equal(await zipf.isVisible(), false);
  await dialog.getByText(/More of clients/).click();
  await zipf.fill('1.0001');
  await dialog.getByText('"1.0001" is not a number from 0 to 5, such as 0.99').waitFor();
  await zipf.fill('0.99');
  await dialog.getByRole('button', { name: /^Apply/ }).click();
  await page.waitForFunction(() => location.hash.includes('set.zipf=0.99'));
  await page.getByRole('button', { name: 'Settings' }).click();
  assert.equal(await zipf.isVisible(), true, 'what is unusual is in sight');
});

pageTest('the history tells what clients asked and were told', STILL, async ({ page, visit }) => {
  await visit('#/raft/leader-crash?t=2s');
  await page.getByRole('tab', { name: 'History' }).click();
  const table = page.getByRole('region', { name: 'History' });
  const row = table.getByRole('row', { name: /c\d write k\d \d+.*ok.*1\.\d+ s/ }).first();
  await row.waitFor();
  const wrote = await row.getByRole('button').first().textContent();
  await row.getByRole('button').first().click();
  const begins = new RegExp(`c\\d begins: ${wrote.trim().replace('write', 'put')}`);
  await page.locator('.cs-event-text').getByText(begins).waitFor();
});

pageTest('the operations that prove a fallen check stand first in the history', STILL, async ({ page, visit }) => {
  // Half of the nodes decide, and each half has a client of its own.
  const cuts = ['c1-n1', 'c1-n2', 'c2-n3', 'c2-n4'].map((it) => `&do=1s+cut+${it}`).join('');
  const split = 'set.nodes=4&set.keys=1&set.real-majority=off&do=1s+partition+n1+n2+|+n3+n4';
  await visit(`#/raft/calm?seed=1&${split}${cuts}&t=4s`);
  await page.locator('[data-check=linearizable][data-verdict=violated]').getByText('The history shows the proof.').waitFor();
  await page.getByRole('tab', { name: 'History' }).click();
  const table = page.getByRole('region', { name: 'History' });
  await table.getByText('Linearizable fell: the proof').waitFor();
  const proof = table.locator('.cs-proof .is-proof');
  assert.equal(await proof.count(), 4);
  const before = await hash(page);
  await proof.first().getByRole('button').click();
  await page.locator('.cs-event-text').getByText(/begins: /).waitFor();
  await page.getByRole('button', { name: 'Go to it' }).click();
  await page.waitForFunction((it) => document.querySelector('[data-testid=trace-hash]').textContent !== it, before);
  await assertAccessible(page);
});

for (const colorScheme of ['light', 'dark']) {
  pageTest(`menus, faults and history are accessible in ${colorScheme}`, { colorScheme, ...STILL }, async ({ page, visit }) => {
    await visit(LAB);
    for (const text of ['disk n2 full', 'clog n1>n2', 'cut n3-n4', 'crash c1', 'hold AppendEntries', 'pause n3']) {
      await command(page, text);
    }
    for (const summary of await page.locator('.cs-left details > summary').all()) {
      await summary.click();
    }
    await assertAccessible(page);
    await node(page, 'n2').click();
    await assertAccessible(page);
    await page.getByRole('menuitem', { name: 'More…' }).click();
    await assertAccessible(page);
    await page.keyboard.press('Escape');
    await page.locator('.cs-inspector summary').click();
    await page.getByRole('tab', { name: 'History' }).click();
    await assertAccessible(page);
  });
}

pageTest(
  'on a telephone the menus, faults and history fit',
  { viewport: { width: 360, height: 740 }, hasTouch: true, ...STILL },
  async ({ page, visit }) => {
    const fits = async (where) => {
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(widths[0] <= widths[1], `${where}: ${widths.join(' > ')}`);
    };
    await visit(LAB);
    for (const summary of await page.locator('.cs-panel details > summary').all()) {
      await summary.tap();
    }
    await command(page, 'link n1>n2 latency normal(40ms,2ms)');
    await fits('faults');
    await node(page, 'n2').tap();
    await page.getByRole('menuitem', { name: 'More…' }).tap();
    await fits('menu');
    await page.getByRole('menuitem', { name: 'Disk: rots' }).tap();
    await page.getByRole('tab', { name: 'Inspect' }).tap();
    await page.getByText('disk is damaged').first().waitFor();
    await page.locator('.cs-inspector summary').tap();
    await fits('inspector');
    await page.getByRole('tab', { name: 'Log' }).tap();
    await page.getByRole('tab', { name: 'History' }).tap();
    await fits('history');
    await assertAccessible(page);
  },
);
