// Pictures of the site: node e2e/shots.mjs DIR [ROUTE...]
// Every route in a wide and a narrow window, in light and in dark. Without a route: the front page.
// What a page complains about is printed beside its picture's name.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { dist, drawn, launch, watch } from './browser.mjs';
import { serveFolder } from './server.mjs';

const WINDOWS = { wide: { width: 1440, height: 900 }, narrow: { width: 360, height: 740 } };
/** How long a page may move before its picture is taken, in milliseconds. */
const SETTLE = Number(process.env.CLUSTERSCOPE_SETTLE ?? 1500);

const [folder, ...routes] = process.argv.slice(2);
if (!folder) {
  console.error('usage: node e2e/shots.mjs DIR [ROUTE...]');
  process.exit(2);
}
await mkdir(folder, { recursive: true });
const site = await serveFolder(dist);
const browser = await launch();
for (const route of routes.length ? routes : ['']) {
  for (const [size, viewport] of Object.entries(WINDOWS)) {
    for (const colorScheme of ['light', 'dark']) {
      await shoot(route, size, viewport, colorScheme);
    }
  }
}
await browser.close();
await site.close();

async function shoot(route, size, viewport, colorScheme) {
  const context = await browser.newContext({ viewport, colorScheme });
  const problems = await watch(context);
  const page = await context.newPage();
  await page.goto(new URL(route, site.url).href);
  await drawn(page).catch(() => problems.push('nothing was drawn'));
  await page.waitForTimeout(SETTLE);
  const name = route.replace(/[^a-z0-9]+/gi, '-').replace(/^-+|-+$/g, '').slice(0, 60) || 'front';
  const file = path.join(folder, `${name}-${size}-${colorScheme}.png`);
  await page.screenshot({ path: file });
  console.log([file, ...problems].join('\n    '));
  await context.close();
}
