// The command-line program, as a test or a comparison runs it.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { root } from './browser.mjs';

/**
 * Runs the command-line program with these arguments and gives `{ code, stdout, stderr }`. `input` is
 * what it reads from its standard input.
 */
export function cli(args, { input = '', cwd } = {}) {
  const program = process.env.CLUSTERSCOPE_CLI ?? path.join(root, 'target/debug/clusterscope');
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd });
    const text = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (chunk) => (text[stream] += chunk));
    }
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...text }));
    // A program that never reads may be gone before all is written.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
