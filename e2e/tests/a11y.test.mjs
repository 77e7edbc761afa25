// The page for everybody: what axe-core finds, in both themes, wide and narrow.
import { assertAccessible, pageTest } from '../harness.mjs';
import { node } from '../lab.mjs';

for (const colorScheme of ['light', 'dark']) {
  const options = { colorScheme, reducedMotion: 'reduce' };

  pageTest(`the gallery is accessible in ${colorScheme}`, options, async ({ page, visit }) => {
    await visit();
    await assertAccessible(page);
  });

  pageTest(`a bad link is told accessibly in ${colorScheme}`, options, async ({ page, visit }) => {
    await visit('#/raft/clam');
    await assertAccessible(page);
  });

  pageTest(`the lab is accessible in ${colorScheme}`, options, async ({ page, visit }) => {
    await visit('#/raft/leader-crash?t=1.5s');
    await assertAccessible(page);
    await node(page, 'n2').click();
    await page.keyboard.press('Escape');
    await assertAccessible(page);
    await page.getByTestId('events').getByRole('button').last().click();
    await assertAccessible(page);
  });

  pageTest(`a violation is told accessibly in ${colorScheme}`, options, async ({ page, visit }) => {
    await visit('#/raft/figure-8-broken?t=2s');
    await assertAccessible(page);
  });

  pageTest(`tables and bars are accessible in ${colorScheme}`, options, async ({ page, visit }) => {
    await visit('#/ping/skewed-clocks?t=2s');
    await assertAccessible(page);
    await page.getByRole('tab', { name: 'Round trips' }).or(page.getByRole('tab').nth(1)).first().click();
    await assertAccessible(page);
  });

  for (const [name, title] of [['Share', 'Share this moment'], ['Settings', 'Settings'], ['Help', 'Help']]) {
    pageTest(`the dialog ${title} is accessible in ${colorScheme}`, options, async ({ page, visit }) => {
      await visit('#/raft/calm?t=1s');
      await page.getByRole('button', { name: new RegExp(`^${name}`) }).click();
      await page.getByRole('dialog', { name: title }).waitFor();
      await assertAccessible(page);
    });
  }
}
