// A static file server for tests: what a plain host does, and no more. A missing file is a 404, so that
// a test sees it.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { text as readText } from 'node:stream/consumers';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};

/**
 * Serves a folder on 127.0.0.1, on a port that is free.
 *
 * - `base`: the path under which the folder lies, such as `/labs/`; nothing is served outside it.
 * - `pages`: texts that are served as HTML from memory, by path, such as `{ '/blog.html': '<p>…' }`.
 *   Two servers are two origins, so this is also how to write a foreign page that embeds something.
 * - `heard`: called with the text of whatever a page posts, and with the path it is posted to.
 * - `headers`: headers for every answer, such as a Content-Security-Policy.
 *
 * Gives `{ url, close }`; `url` ends in the base.
 */
export async function serveFolder(folder, { base = '/', pages = {}, heard, headers = {} } = {}) {
  const root = path.resolve(folder);
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });

  async function answer(request, response) {
    const where = decodeURIComponent(new URL(request.url, 'http://127.0.0.1').pathname);
    if (request.method === 'POST' && heard) {
      heard(await readText(request), where);
      response.writeHead(204).end();
      return;
    }
    if (pages[where] !== undefined) {
      response.writeHead(200, { 'content-type': TYPES['.html'], ...headers });
      response.end(pages[where]);
      return;
    }
    const file = await find(where);
    if (!file) {
      response.writeHead(404, { 'content-type': TYPES['.txt'], ...headers });
      response.end(`nothing at ${where}\n`);
      return;
    }
    const type = TYPES[path.extname(file.name)] ?? 'application/octet-stream';
    // An embedding page on another origin imports the module, which takes this permission.
    const permission = { 'access-control-allow-origin': '*' };
    response.writeHead(200, { 'content-type': type, 'content-length': file.size, ...permission, ...headers });
    createReadStream(file.name).pipe(response);
  }

  async function find(where) {
    if (!where.startsWith(base)) {
      return undefined;
    }
    let name = path.join(root, where.slice(base.length));
    if (name !== root && !name.startsWith(root + path.sep)) {
      return undefined;
    }
    if (where.endsWith('/')) {
      name = path.join(name, 'index.html');
    }
    const found = await stat(name).catch(() => undefined);
    return found?.isFile() ? { name, size: found.size } : undefined;
  }

  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}${base}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  };
}
