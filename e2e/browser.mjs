// The browser, the built site, and a watch on everything that a page must not do: for tests and pictures.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** The project's folder. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** The built site. */
export const dist = process.env.CLUSTERSCOPE_DIST ?? path.join(root, 'dist');

/** A browser that asks the outside world for nothing. */
export const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser's program. */
export const program = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts the browser; its profile is new, empty and gone afterwards. */
export function launch() {
  return chromium.launch({ executablePath: program, args: FLAGS });
}

/**
 * Notes in `problems` what a page must not do: write an error to the console, throw, ask for what is
 * not there, or ask anything of another machine. Such a request is refused as well.
 */
export async function watch(context) {
  const problems = [];
  const isHere = (url) => !/^(https?|wss?):/.test(url) || new URL(url).hostname === '127.0.0.1';
  await context.route(
    (url) => !isHere(url.href),
    (route) => {
      problems.push(`asks another machine: ${route.request().url()}`);
      return route.abort();
    },
  );
  context.on('console', (message) => {
    if (message.type() === 'error') {
      problems.push(`console error: ${message.text()}`);
    }
  });
  context.on('weberror', (event) => problems.push(`page error: ${event.error().stack ?? event.error()}`));
  context.on('response', (response) => {
    if (response.status() >= 400) {
      problems.push(`${response.status()} for ${response.url()}`);
    }
  });
  context.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // A page that is left or closed breaks off what it was loading; that is no fault.
    if (why !== 'net::ERR_ABORTED' && isHere(request.url())) {
      problems.push(`${why} for ${request.url()}`);
    }
  });
  return problems;
}

/** Waits until the application has put something into its place. */
export async function drawn(page) {
  await page.waitForFunction(() => document.querySelector('#app')?.childElementCount);
}
