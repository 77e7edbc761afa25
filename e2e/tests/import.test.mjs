// A trace from elsewhere opens in the page: its diagram, its events, what its nodes knew. What is no trace is refused.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { assertAccessible, cli, pageTest } from '../harness.mjs';

const GOOD = [
  { id: 'a', time: 1000, node: 'left', kind: 'send', label: 'Hello', set: { sent: 1 }, clock: { left: 1 } },
  { id: 'b', time: 5000, node: 'right', kind: 'deliver', cause: 'a', set: { heard: 'Hello' }, clock: { left: 1, right: 1 } },
  { time: 9000, node: 'right', kind: 'thinks', text: '<img src=x onerror=alert(1)>' },
];
const lines = (events) => events.map((it) => JSON.stringify(it)).join('\n');

const file = (page, name, text) =>
  page.getByLabel('Trace file').setInputFiles({ name, mimeType: 'text/plain', buffer: Buffer.from(text) });
const summary = (page) => page.getByTestId('import-summary');
const options = (page) => page.getByTestId('events').getByRole('option');

/** Pastes text and reads it. */
async function paste(page, text) {
  const area = page.getByRole('textbox', { name: 'Trace', exact: true });
  if (!(await area.isVisible())) {
    await page.getByText('Paste a trace').click();
  }
  await area.fill(text);
  await page.getByRole('button', { name: 'Read it' }).click();
}

/** Our own export of a run. */
async function exported(t, link) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'clusterscope-'));
  t.after(() => rm(folder, { recursive: true }));
  const name = path.join(folder, 'trace.jsonl');
  const run = await cli(['replay', link, '--trace', name]);
  assert.equal(run.code, 0, run.stderr);
  return readFile(name, 'utf8');
}

pageTest('a trace from elsewhere is drawn, listed and read event by event', async ({ page, visit }) => {
  await visit('#/import');
  await file(page, 'hello.jsonl', lines(GOOD));
  await summary(page).getByText('hello.jsonl: 3 events at 2 hosts').waitFor();
  assert.equal(await options(page).count(), 3);
  await page.getByTestId('events').focus();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('region', { name: 'Event b' }).getByText('Hello').first().waitFor();
  assert.match(await page.getByTestId('foreign-host').nth(1).textContent(), /right.*heard.*Hello/s);
  await page.keyboard.press('End');
  // It is text, and nothing else.
  await page.getByRole('region', { name: 'Event' }).getByText('<img src=x onerror=alert(1)>').waitFor();
  assert.equal(await page.locator('main img').count(), 0);
  await page.getByLabel('Find events').fill('HEARD');
  await page.getByRole('status').getByText('1 of 3').waitFor();
  await assertAccessible(page);
});

pageTest('what our own run exports opens and says the same', async ({ page, visit, t }) => {
  const text = await exported(t, '#/raft/leader-crash?seed=4&t=1.5s');
  const events = text.trim().split('\n').map((it) => JSON.parse(it));
  await visit('#/import');
  await file(page, 'own.jsonl', text);
  await summary(page).getByText(`${events.length} events`).waitFor();
  await page.getByTestId('events').focus();
  await page.keyboard.press('End');
  const last = events.at(-1);
  await page.getByRole('region', { name: `Event ${last.id}` }).getByText(last.text).first().waitFor();
  // The nodes know what they know in the run itself.
  const role = new Map();
  for (const event of events) {
    if (event.kind === 'fault' && event.label === 'crash') role.delete(event.node);
    else if (event.set?.role) role.set(event.node, event.set.role);
  }
  for (const host of await page.getByTestId('foreign-host').all()) {
    const name = await host.locator('h3').textContent();
    assert.match(await host.textContent(), new RegExp(`role${role.get(name) ?? ''}`));
  }
  // Only the lines that can be seen are there.
  assert.ok((await options(page).count()) < 120);
});

const BAD = [
  ['', /holds no event/],
  ['nonsense', /line 1: "nonsense" is not an event/],
  ['{"time":1}', /line 1:.*missing field `node`/],
  [`${lines(GOOD)}\n{"time":1,"node":"left","kind":"send"}`, /line 4: "1" is earlier than the line before/],
  ['{"time":1,"node":"n1","kind":"send","cause":7}', /line 1: "7" is the cause, but no line before has this id/],
  [`${JSON.stringify(GOOD[0])}\n${JSON.stringify(GOOD[0])}`, /line 2: "a" is the id of an earlier line/],
  [`{"time":1,"node":"n1","kind":"x","y":${'['.repeat(5000)}`, /line 1:.*nests too deep/],
  ['\u0000\u0001\ufffd', /line 1:.*is not an event/],
];

pageTest('what is no trace is refused with its line, and the page stays usable', async ({ page, visit }) => {
  await visit('#/import');
  for (const [text, words] of BAD) {
    await file(page, 'bad.jsonl', text);
    await page.getByRole('alert').getByText(words).waitFor();
    assert.equal(await summary(page).count(), 0);
  }
  await paste(page, 'nor this');
  await page.getByRole('alert').getByText(/line 1: "nor this"/).waitFor();
  await assertAccessible(page);
  await paste(page, lines(GOOD));
  await summary(page).getByText('3 events at 2 hosts').waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

pageTest('a file is dropped onto the page', async ({ page, visit }) => {
  await visit('#/import');
  const transfer = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'dropped.jsonl'));
    return data;
  }, lines(GOOD));
  await page.locator('main').dispatchEvent('drop', { dataTransfer: transfer });
  await summary(page).getByText('dropped.jsonl: 3 events').waitFor();
});

pageTest('a hundred thousand events can be scrolled and searched', async ({ page, visit }) => {
  const event = (it) => ({ id: it, time: it * 1000, node: `n${1 + (it % 5)}`, kind: it % 2 ? 'deliver' : 'send', cause: it % 2 ? it - 1 : null });
  const text = lines(Array.from({ length: 100_000 }, (_, it) => event(it)));
  await visit('#/import');
  await file(page, 'long.jsonl', text);
  await summary(page).getByText('100000 events at 5 hosts').waitFor();
  await page.getByTestId('events').focus();
  await page.keyboard.press('End');
  await page.getByRole('region', { name: 'Event 99999' }).waitFor();
  await page.getByLabel('Find events').fill('"id":77777,');
  await page.getByRole('status').getByText('1 of 100000').waitFor();
  assert.ok((await options(page).count()) < 120);
});

for (const colorScheme of ['light', 'dark']) {
  const phone = { colorScheme, viewport: { width: 360, height: 740 }, reducedMotion: 'reduce' };
  pageTest(`it fits a telephone and is accessible in ${colorScheme}`, phone, async ({ page, visit }) => {
    await visit('#/import');
    await assertAccessible(page);
    await file(page, 'hello.jsonl', lines(GOOD));
    await summary(page).waitFor();
    await assertAccessible(page);
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(widths[0] <= widths[1], widths.join(' > '));
  });
}
