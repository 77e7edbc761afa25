// What tests of the lab share: how to find nodes, read the trace's hash and move along the story.
import assert from 'node:assert/strict';

/** So many turns of a story are taken at most before a test gives up. */
const TURNS_MAX = 80;

/** The hash of the trace up to the playhead. */
export const hash = (page) => page.getByTestId('trace-hash').textContent();

/** A node's button on the stage. */
export const node = (page, name) => page.locator('.cs-stage').getByRole('button', { name: new RegExp(`^${name},`) });

/** A node in words, as a screen reader has it. */
export const words = (page, name) => node(page, name).locator('.cs-sr').textContent();

/** The names of the nodes that lead. */
export async function leaders(page) {
  await page.locator('.cs-stage .cs-node').first().waitFor();
  const buttons = page.locator('.cs-stage').getByRole('button', { name: /^n\d+, leader/ });
  const labels = await buttons.locator('.cs-sr').allTextContents();
  return labels.map((it) => it.split(',')[0]);
}

/** Presses a key until `reached` holds. */
export async function press(page, key, reached, what) {
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    const value = await reached();
    if (value) {
      return value;
    }
    const before = await hash(page);
    await page.keyboard.press(key);
    await page.waitForFunction(
      (before) => document.querySelector('[data-testid=trace-hash]').textContent !== before,
      before,
    );
  }
  return assert.fail(`after ${TURNS_MAX} times ${key}: ${what}`);
}

/** Goes on, from turn to turn, until some node leads that is none of `others`. */
export const elect = (page, others = []) =>
  press(page, ']', async () => (await leaders(page)).find((it) => !others.includes(it)), 'nobody else leads');

/** Waits until the trace up to the playhead has this hash. */
export const hashIs = (page, wanted) =>
  page.waitForFunction(
    (wanted) => document.querySelector('[data-testid=trace-hash]')?.textContent === wanted,
    wanted,
  );

/** Types a command into the lab's command line. */
export async function command(page, text) {
  const line = page.getByRole('combobox', { name: 'Command', exact: true });
  await line.fill(text);
  await line.press('Enter');
  await page.locator('.cs-lab').focus();
}

/** The link that the share dialog gives. */
export async function sharedLink(page) {
  await page.getByRole('button', { name: /^Share/ }).click();
  const link = await page.getByRole('textbox', { name: 'Link', exact: true }).inputValue();
  await page.keyboard.press('Escape');
  return link;
}

/** Waits until a node's label begins with this. */
export const nodeIs = (page, name, state) => node(page, name).and(page.getByRole('button', { name: new RegExp(`^${name}, ${state}`) })).waitFor();

/** Opens a node's menu and chooses; what is rare by its group: `Disk: full`. */
export async function choose(page, name, item) {
  await node(page, name).click();
  await pick(page, item);
}

/** Chooses from the menu that is open. */
export async function pick(page, item) {
  if (item.includes(':')) {
    await page.getByRole('menuitem', { name: 'More…' }).click();
  }
  await page.getByRole('menuitem', { name: item, exact: true }).click();
}

/** The commands of the run so far, as its link has them. */
export async function done(page) {
  const link = await sharedLink(page);
  const query = new URLSearchParams(link.slice(link.indexOf('?') + 1));
  return query.getAll('do').map((it) => it.replace(/^\S+ /, ''));
}
