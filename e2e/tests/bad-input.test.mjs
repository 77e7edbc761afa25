// Whatever somebody writes, the page says what is wrong with it and stays usable.
import assert from 'node:assert/strict';
import { cli, pageTest } from '../harness.mjs';
import { command, hash } from '../lab.mjs';

const LINKS = [
  ['#/paxoss/calm', /"paxoss" is not a system/],
  ['#/raft/clam', /"clam" is not a scenario of raft/],
  ['#/raft/calm?set.colour=red', /"colour" is not a setting of raft/],
  ['#/raft/calm?set.nodes=1000', /"1000".*1 to 99/],
  ['#/raft/calm?set.loss=200%25', /"200%"/],
  ['#/raft/calm?seed=-1', /"-1" is not a seed/],
  ['#/raft/calm?t=soon', /"soon" is not a time/],
  ['#/raft/calm?do=1s+explode+n1', /"explode n1" is not a command/],
  ['#/raft/calm?do=1s+crash+n77', /"n77" is not in this cluster/],
  ['#/raft/calm?v=99&x=y', /"99" is a newer version/],
  ['#/%ff%fe', /not a link|not text/],
  ['#nonsense', /"#nonsense" is not a link/],
  ['#/raft/calm?set.x=%3Cimg%20src=x%20onerror=alert(1)%3E', /not a setting/],
];

for (const [link, words] of LINKS) {
  pageTest(`the page says what is wrong with ${link}`, async ({ page, visit }) => {
    await visit(link);
    const alert = page.getByRole('alert');
    assert.match(await alert.textContent(), words);
    await page.getByRole('link', { name: /The leader crashes/ }).first().click();
    await page.getByTestId('trace-hash').waitFor();
  });
}

pageTest('the command line says the same as the page', async ({ page, visit }) => {
  await visit('#/raft/calm?set.nodes=1000');
  const run = await cli(['replay', '#/raft/calm?set.nodes=1000']);
  assert.notEqual(run.code, 0);
  assert.match(run.stderr, /"1000"/);
  assert.match(await page.getByRole('alert').textContent(), /"1000"/);
});

pageTest('a command that cannot be read is quoted, changes nothing and is put away', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  const here = await hash(page);
  for (const [text, words] of [
    ['explode n1', /"explode n1" is not a command/],
    ['crash n9', /"n9" is not in this cluster/],
    ['set nodes 3', /"nodes" cannot be set while a run goes on/],
  ]) {
    await command(page, text);
    await page.getByRole('alert').getByText(words).waitFor();
  }
  assert.equal(await hash(page), here);
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await page.locator('.cs-alert').waitFor({ state: 'detached' });
});

pageTest('a setting that is out of range is told beside its field', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await page.getByRole('button', { name: 'Settings' }).click();
  const dialog = page.getByRole('dialog', { name: 'Settings' });
  await dialog.getByLabel('Nodes', { exact: true }).fill('1000');
  await dialog.getByText('"1000" is not a whole number from 1 to 99').first().waitFor();
  await dialog.getByRole('button', { name: /^Apply/ }).click();
  await dialog.getByRole('alert').getByText(/"1000"/).waitFor();
});

pageTest('another link in the same page is read as well', async ({ page, visit }) => {
  await visit('#/raft/calm?seed=3&t=1s');
  await page.evaluate(() => (location.hash = '#/raft/nowhere'));
  await page.getByRole('alert').getByText(/"nowhere" is not a scenario/).waitFor();
  await page.evaluate(() => (location.hash = '#/ping/calm?t=1s'));
  await page.getByTestId('seed').getByText('3 nodes').waitFor();
});
