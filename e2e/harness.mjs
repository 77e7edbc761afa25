// What the browser tests share: one browser and one server for each test file, a fresh browser context
// for each test, and what a test asserts or runs.
import assert from 'node:assert/strict';
import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, test } from 'node:test';
import { dist, drawn, launch, watch } from './browser.mjs';
import { cli } from './cli.mjs';
import { serveFolder } from './server.mjs';

export { cli, dist, drawn, launch, serveFolder, watch };

let shared;

/** The browser and the site, started when a test first asks and ended after the file's last. */
async function start() {
  await access(path.join(dist, 'index.html')).catch(() => {
    throw new Error(`there is no site in ${dist}; "cargo xtask dist" builds it`);
  });
  const browser = await launch();
  return { browser, site: await serveFolder(dist) };
}

after(async () => {
  const { browser, site } = (await shared?.catch(() => undefined)) ?? {};
  await browser?.close();
  await site?.close();
});

/**
 * Defines a test that has a page. `body` gets `{ page, context, browser, site, problems, visit, t }`:
 * `site.url` is the built site's address, `visit('#/raft')` opens a route of it and waits until the page
 * has drawn something. The test fails as well when `problems` is not empty at its end; a test that
 * provokes one on purpose checks it and empties the array.
 *
 * `options` are those of a browser context (`viewport`, `colorScheme`, `reducedMotion`, `hasTouch`,
 * `javaScriptEnabled`, …).
 */
export function pageTest(name, options, body) {
  if (typeof options === 'function') {
    return pageTest(name, {}, options);
  }
  return test(name, { timeout: 60_000 }, async (t) => {
    shared ??= start();
    const { browser, site } = await shared;
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    try {
      const problems = await watch(context);
      const page = await context.newPage();
      await body({ page, context, browser, site, problems, visit: (route = '') => visit(page, site, route), t });
      assert.deepEqual(problems, [], 'what the page did and must not do');
    } finally {
      await context.close();
    }
  });
}

/** Opens a route of the site and waits until the application has put something into the page. */
async function visit(page, site, route) {
  await page.goto(new URL(route, site.url).href);
  await drawn(page);
}

/**
 * Fails when axe-core finds something that the Web Content Accessibility Guidelines 2.2 AA forbid.
 * `include` narrows it down to one part of the page.
 */
export async function assertAccessible(page, { include = 'html', rules = {} } = {}) {
  const found = await accessibilityProblems(page, { include, rules });
  assert.deepEqual(found, [], 'what axe-core found');
}

/** What axe-core finds, as readable lines. */
export async function accessibilityProblems(page, { include = 'html', rules = {} } = {}) {
  if (!(await page.evaluate(() => 'axe' in window))) {
    const source = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
    await page.evaluate(await readFile(source, 'utf8'));
  }
  return page.evaluate(
    async ([include, rules]) => {
      const values = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
      const result = await window.axe.run(include, { runOnly: { type: 'tag', values }, rules });
      const line = (violation, node) => `${violation.id}: ${violation.help}: ${node.target.flat().join(' ')}`;
      return result.violations.flatMap((violation) => violation.nodes.map((node) => line(violation, node)));
    },
    [include, rules],
  );
}
