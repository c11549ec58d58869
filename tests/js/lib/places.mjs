// Where things are in this repository, and the engine module as it was built. It builds nothing.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(dirname(fileURLToPath(import.meta.url)));
export const repository = dirname(dirname(here));
export const target = join(repository, "target");

/** Reads a file that another step makes, and says which step where it is missing. */
export function made(file, by) {
  if (!existsSync(file)) {
    throw new Error(`\`${file.slice(repository.length + 1)}\` is missing; \`${by}\` makes it`);
  }
  return readFileSync(file);
}

/** The bytes of the engine module. */
export function engineBytes() {
  return made(join(target, "engine/engine.wasm"), "cargo xtask wasm");
}

/** The generated code next to the module. */
export function engineGlue() {
  return made(join(target, "engine/engine.js"), "cargo xtask wasm").toString();
}

/** The cases of the corpus with the answers of the native engine. */
export function corpus() {
  return made(join(target, "corpus.json"), "cargo run -p conformance --bin corpus").toString();
}

export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes what became of every case on a host, prints the counts, and sets the exit code. */
export function conclude(tally) {
  tally.engine_hash = sha256(engineBytes());
  const file = join(target, "hosts", `${tally.host.toLowerCase()}.json`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(tally)}\n`);
  const counts = Object.entries(tally.compared).map(([folder, names]) => `${names.length} of ${folder}`);
  console.log(`${tally.host}: ${counts.join(", ")}; ${tally.differences.length} differences`);
  for (const difference of tally.differences) {
    console.error(`${tally.host}: ${difference.folder}/${difference.name}:\n    ${difference.told}`);
  }
  if (tally.differences.length > 0) {
    process.exitCode = 1;
  }
}
