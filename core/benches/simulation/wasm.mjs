// Does every row of the benchmark in WebAssembly and prints the same lines as the native program.
// Called by cargo as the runner: node wasm.mjs FILE.wasm
import { readFile } from "node:fs/promises";

const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]));
const { rows, work, memory } = instance.exports;

const used = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
};

const wanted = process.argv.slice(3).map(Number).filter(Number.isInteger);

for (let row = 0; row < rows(); row++) {
  if (wanted.length > 0 && !wanted.includes(row)) continue;
  // The first call lets the engine compile; its threads count as this process's time.
  work(row);
  const start = used();
  const at = work(row);
  const took = used() - start;
  const [events, runs, fingerprint] = new BigUint64Array(memory.buffer, at, 3);
  const hex = fingerprint.toString(16).padStart(16, "0");
  console.log([row, events, runs, took, hex].join("\t"));
}
