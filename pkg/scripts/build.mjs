// Builds dist/: takes the engine that `cargo xtask wasm` made, compiles the sources, and puts both side by side.
// It builds no engine, and it changes none: dist/engine.wasm is the very file that the server runs.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const engine = process.env.FARAMESH_ENGINE_DIR ?? join(root, "../target/engine");
const [glue, dist] = [join(root, "src/glue"), join(root, "dist")];

for (const name of ["engine.wasm", "engine.js", "engine.d.ts"]) {
  if (!existsSync(join(engine, name))) {
    console.error(`there is no ${name} in ${engine}; run \`cargo xtask wasm\` first`);
    process.exit(1);
  }
}

const wasm = readFileSync(join(engine, "engine.wasm"));
const hash = createHash("sha256").update(wasm).digest("hex");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

rmSync(dist, { recursive: true, force: true });
rmSync(glue, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
mkdirSync(glue, { recursive: true });

for (const name of ["engine.js", "engine.d.ts"]) copyFileSync(join(engine, name), join(glue, name));
copyFileSync(join(engine, "engine.wasm"), join(dist, "engine.wasm"));
writeFileSync(
  join(glue, "facts.ts"),
  "// What the build knows of the engine beside it. Made by scripts/build.mjs.\n\n" +
    "/** The SHA-256 of engine.wasm. */\n" +
    `export const ENGINE_HASH = "${hash}";\n` +
    "/** The version of the engine's rules of deciding. */\n" +
    `export const RUNTIME_VERSION = "${await runtimeVersion()}";\n` +
    "/** The version of this package. */\n" +
    `export const PACKAGE_VERSION = "${version}";\n`,
);
writeFileSync(
  join(glue, "inline.ts"),
  "// engine.wasm as base64. Made by scripts/build.mjs.\n\n" +
    `export const ENGINE_BASE64: string =\n  "${wasm.toString("base64")}";\n`,
);

const tsc = join(root, "node_modules/typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", root, "--emitDeclarationOnly"], { stdio: "inherit" });

// One file for what all entries share: reading some twenty modules takes Node longer than compiling the engine.
const { metafile } = await esbuild.build({
  absWorkingDir: root,
  entryPoints: ["src/entry/*.ts", "src/outbox/file.ts", "src/outbox/web-storage.ts", "src/environment.ts", "src/cli.ts"],
  outbase: "src",
  outdir: "dist",
  chunkNames: "shared/[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  // Runtimes provide these: Node its own modules, Workers and the edge the engine as a module.
  external: ["node:*", "*.wasm", "*.wasm?module"],
  charset: "utf8",
  sourcemap: true,
  metafile: true,
  logLevel: "warning",
});

// Bundlers keep the files that `sideEffects` names whole, so each entry must hold its own start: `esbuild` moves a module
// that two entries import into a shared file.
for (const [file, { inputs }] of Object.entries(metafile.outputs)) {
  const moved = Object.keys(inputs).find((name) => name.startsWith("src/entry/") && !file.startsWith("dist/entry/"));
  if (moved !== undefined) throw new Error(`${moved} is in ${file}, which bundlers may leave out; let nothing import an entry`);
}

// The maps hold their sources, but not the engine a second time.
for (const file of Object.keys(metafile.outputs).filter((name) => name.endsWith(".map"))) {
  const map = JSON.parse(readFileSync(join(root, file), "utf8"));
  map.sourcesContent = map.sourcesContent.map((text, index) => (map.sources[index].endsWith("glue/inline.ts") ? null : text));
  writeFileSync(join(root, file), JSON.stringify(map));
}

/** The engine says itself which version it is: in a decision under no policies at all. */
async function runtimeVersion() {
  const { Engine, initSync } = await import(pathToFileURL(join(glue, "engine.js")).href);
  initSync({ module: new WebAssembly.Module(wasm) });
  const one = new Engine();
  const { handle } = JSON.parse(one.load(new Uint8Array()));
  const [decision] = one.decide(handle, '{"agent_id":"a","tool":"t"}', "{}", 0).split("\n");
  return JSON.parse(decision).runtime_version;
}
