// Builds examples/worker as its user would: the packed package installed, the types checked, Wrangler's own bundle.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { here, repository } from "../lib/places.mjs";
import { folder, npm, packed, run } from "../packaging/pack.mjs";

const place = join(folder, "worker");

/** A copy of the example with the tarball installed. */
export async function install() {
  const tarball = await packed();
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const example = join(repository, "examples/worker");
  for (const name of ["src", "wrangler.jsonc", "tsconfig.json"]) {
    cpSync(join(example, name), join(place, name), { recursive: true });
  }
  writeFileSync(join(place, "package.json"), '{ "name": "worker", "private": true, "type": "module" }\n');
  await run("npm", ["install", tarball, ...npm], place);
  mkdirSync(join(place, "node_modules/@cloudflare"), { recursive: true });
  const types = "@cloudflare/workers-types";
  symlinkSync(join(here, "node_modules", types), join(place, "node_modules", types));
}

export async function types() {
  await run(join(here, "node_modules/.bin/tsc"), [], place);
}

/** Bundles with Wrangler, which uploads nothing, and gives the modules for miniflare. */
export async function bundle() {
  const quiet = { WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false", CI: "true" };
  await run(join(here, "node_modules/.bin/wrangler"), ["deploy", "--dry-run", "--outdir", "out"], place, quiet);
  const out = join(place, "out");
  const names = readdirSync(out);
  const of = (ending, type) =>
    names.filter((name) => name.endsWith(ending)).map((path) => ({ type, path, contents: readFileSync(join(out, path)) }));
  const script = of("index.js", "ESModule");
  const wasm = of(".wasm", "CompiledWasm");
  if (script.length !== 1 || wasm.length !== 1) {
    throw new Error(`Wrangler made ${names.join(", ")}`);
  }
  return [...script, ...wasm, ...of(".yaml", "Text")];
}
