// A lesson beside the run: its steps wait for what happens, the page can do what a step asks for, and a reload
// comes back to the same step.
import assert from 'node:assert/strict';
import { assertAccessible, pageTest } from '../harness.mjs';

const lesson = (page) => page.getByRole('region', { name: 'Lesson', exact: true });
const step = (page, text) => lesson(page).getByText(new RegExp(`^${text}`)).first();

pageTest('the gallery leads to a lesson, whose first step waits for the run', async ({ page, visit }) => {
  await visit('#/');
  await page.getByRole('link', { name: /^Lesson: Ping/ }).click();
  await step(page, 'step 1 of 4').waitFor();
  const open = lesson(page).getByRole('listitem').and(page.locator('[aria-current=step]'));
  await open.getByRole('button', { name: /Let the first answers arrive/ }).waitFor();
  // Nothing happens by itself.
  assert.match(await page.getByRole('status', { name: 'Time in the run' }).textContent(), /^0\.000 s/);
  await page.keyboard.press('Space');
  await step(page, 'step 2 of 4').waitFor({ timeout: 20_000 });
  // It stopped, so that the next step can be read.
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  await lesson(page).getByRole('button', { name: /Let the first answers arrive.*done/ }).waitFor();
});

pageTest('what a step asks for is done by the button, and the address says where one is', async ({ page, visit }) => {
  await visit('#/ping/calm?t=1s&lesson=2');
  await step(page, 'step 2 of 4').waitFor();
  await lesson(page).getByRole('button', { name: 'Do it for me' }).click();
  await step(page, 'step 3 of 4').waitFor({ timeout: 20_000 });
  await page.waitForFunction(() => /do=\S*request.*&lesson=3/.test(location.hash));
  await page.reload();
  await step(page, 'step 3 of 4').waitFor();
});

pageTest('a step about another run opens that run and waits there', async ({ page, visit }) => {
  await visit('#/ping/calm?t=1s&lesson=2');
  await step(page, 'step 2 of 4').waitFor();
  await lesson(page).getByRole('button', { name: 'Skip' }).click();
  await step(page, 'step 3 of 4').waitFor();
  await lesson(page).getByRole('button', { name: 'Open this run' }).click();
  await page.waitForFunction(() => /^#\/ping\/skewed-clocks/.test(location.hash));
  await lesson(page).getByText(/^Done when/).waitFor();
  await page.keyboard.press('Space');
  await step(page, 'step 4 of 4').waitFor({ timeout: 30_000 });
  await page.goBack();
  await page.waitForFunction(() => /^#\/ping\/calm/.test(location.hash));
});

pageTest('a lesson can be read to its end and put away by keys', async ({ page, visit }) => {
  await visit('#/ping/unmatched?t=8s&lesson=4');
  await step(page, 'step 4 of 4').or(step(page, 'done')).first().waitFor();
  await lesson(page).getByRole('button', { name: /Lose the numbers/ }).waitFor();
  await lesson(page).getByRole('button', { name: 'Back' }).focus();
  await page.keyboard.press('Enter');
  await lesson(page).getByRole('button', { name: /Now make the clocks disagree/ }).waitFor();
  await lesson(page).getByRole('button', { name: 'Put the lesson away' }).focus();
  await page.keyboard.press('Enter');
  await lesson(page).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Lesson' }).click();
  await step(page, 'step 1 of 4').waitFor();
});

for (const [name, options] of [
  ['wide', {}],
  ['narrow and dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark', hasTouch: true }],
]) {
  pageTest(`a lesson is accessible, ${name}`, { reducedMotion: 'reduce', ...options }, async ({ page, visit }) => {
    await visit('#/ping/calm?t=1s&lesson=2');
    await step(page, 'step 2 of 4').waitFor();
    await assertAccessible(page);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
  });
}

pageTest('a lesson that cannot be fetched says so', async ({ page, visit, problems }) => {
  await page.route('**/lessons/*', (route) => route.abort());
  await visit('#/ping/calm?t=1s&lesson=1');
  await lesson(page).getByRole('alert').getByText(/cannot be fetched/).waitFor();
  problems.length = 0;
});
