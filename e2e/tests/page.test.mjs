// The page opens.
import assert from 'node:assert/strict';
import { pageTest } from '../harness.mjs';

pageTest('the page opens and says what it is', async ({ page, visit }) => {
  await visit();
  assert.match(await page.title(), /Clusterscope/);
  await page.getByText('Clusterscope').first().waitFor();
});

pageTest('a missing file is seen as such', async ({ page, site, problems }) => {
  await page.goto(new URL('no-such-page.html', site.url).href);
  assert.equal(problems.filter((problem) => problem.startsWith('404')).length, 1);
  problems.length = 0;
});
