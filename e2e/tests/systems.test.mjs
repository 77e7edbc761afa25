// Every system in the page: the fault it is known for by hand, what its checks say of it, and a rule that is missing.
import assert from 'node:assert/strict';
import { cli, pageTest } from '../harness.mjs';
import { command, sharedLink } from '../lab.mjs';

/** What each is broken with, while all goes well at 1s; whatever is not named here loses its first node. */
const FAULTS = {
  ping: 'cut n1-n2',
  clocks: 'clock n2 +2s',
  causal_broadcast: 'link n1>n3 latency 700ms',
  primary_backup: 'crash primary',
  quorum: 'partition n1 n2',
  cap: 'partition n1 n2',
  hash_ring: 'leave n2',
  multi_paxos: 'crash crowned',
  raft: 'crash leader',
};

const listed = JSON.parse((await cli(['list', '--json'])).stdout);

/** What the page says in other words than the command line. */
const WORDS = { reached: 'seen', not_reached: 'not seen yet' };

/** The name and the verdict of every check on the page. */
const verdicts = (page) =>
  page.locator('[data-check]').evaluateAll((all) => all.map((it) => `${it.dataset.check}: ${it.dataset.verdict}`));

/** The same from the command line. */
async function judged(link) {
  const { stdout, stderr } = await cli(['replay', link, '--json']);
  assert.notEqual(stdout, '', stderr);
  return JSON.parse(stdout).checks.map((it) => `${it.name}: ${WORDS[it.verdict] ?? it.verdict}`);
}

for (const { id, scenarios } of listed) {
  const fault = FAULTS[id] ?? 'crash n1';
  pageTest(`${id}: ${fault}, by hand, and every promise is judged`, async ({ page, visit, problems }) => {
    await visit(`#/${id}/calm?seed=1&t=1s`);
    const calm = await sharedLink(page);
    await command(page, fault);
    const link = (await sharedLink(page)).replace(/([?&])t=[^&]*(&step=\d+)?/, '$1t=3s');
    assert.notEqual(link.replace(/t=[^&]*/, ''), calm.replace(/t=[^&]*/, ''), 'nothing was done');
    const wanted = await judged(link);
    assert.ok(wanted.length > 0 && wanted.every((it) => !/violated|unknown/.test(it)), wanted.join());
    await page.goto(link);
    await page.waitForFunction((count) => document.querySelectorAll('[data-check]').length === count, wanted.length);
    await page.waitForFunction(() => location.hash.includes('t=3s'));
    assert.deepEqual((await verdicts(page)).sort(), wanted.sort());
    assert.deepEqual(problems, []);
  });

  const broken = scenarios.find((it) => it.weakened && it.weakened !== 'progress');
  pageTest(`${id}: ${broken.title}`, async ({ page, visit }) => {
    const end = JSON.parse((await cli(['run', `${id}/${broken.id}`, '--json'])).stdout);
    assert.match(JSON.stringify(end.checks.find((it) => it.name === broken.weakened)), /"violated"/);
    await visit(`${end.link}`);
    const fallen = page.locator(`[data-check=${broken.weakened}]`);
    await fallen.and(page.locator('[data-verdict=violated]')).waitFor();
    const reason = end.checks.find((it) => it.name === broken.weakened).reason;
    assert.ok((await fallen.textContent()).includes(reason), reason);
  });
}
