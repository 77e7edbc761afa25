// An event's past and future: how many events belong to them, and how two events stand to each other.
import assert from 'node:assert/strict';
import { assertAccessible, pageTest } from '../harness.mjs';

const events = (page) => page.getByTestId('events').getByRole('button');
const cone = (page) => page.getByTestId('cone');

/** The numbers of the cone: before, after, beside. */
const counts = async (page) => (await cone(page).locator('dd').allTextContents()).map((it) => parseInt(it, 10));

pageTest('a chosen event says how many could have led to it and come of it', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await events(page).last().click();
  const [before, , beside] = await counts(page);
  assert.ok(before > 10, `${before} before it`);
  assert.ok(beside >= 0);
  await events(page).nth(-20).click();
  const [earlier, after] = await counts(page);
  assert.ok(earlier < before && after > 0, `${earlier} before, ${after} after`);
});

pageTest('two events are before, after or beside each other, by mouse and by keys', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await events(page).first().click();
  await events(page).last().click({ modifiers: ['Shift'] });
  const relation = page.getByRole('status').getByText(/happened after it|is concurrent/);
  await relation.waitFor();
  // The other way round, by keys.
  await events(page).last().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Compare with another event' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Now choose the other event' }).waitFor();
  await events(page).first().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('status').getByText(/happened before it|is concurrent/).waitFor();
  await assertAccessible(page);
});
