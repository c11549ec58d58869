// The packed package in fresh projects: installed, bundled, and used where its users would.
//
// Every project lets one call run, has one held and one denied, and says which engine decided: the very file that the
// server runs. Names of projects as arguments try only those. Programs that check packages (publint, attw, the TypeScript compiler) look at the same tarball.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { engineBytes, here, sha256 } from "../lib/places.mjs";
import { launch } from "../lib/serve.mjs";
import { Steps } from "../lib/steps.mjs";
import * as hosts from "./hosts.mjs";
import { packed, project, run } from "./pack.mjs";

const expected = {
  outcomes: ["EXECUTE", "ABSTAIN", "HALT"],
  ran: [45],
  answers: ["refunded 45", "ApprovalRequiredError", "ToolDeniedError"],
  open: "TypeError",
  engine_hash: sha256(engineBytes()),
};

const projects = {
  "node-import": (place) => hosts.node(place, "node.mjs"),
  "node-require": (place) => hosts.node(place, "require.cjs"),
  "node-inline": (place) => hosts.node(place, "inline.mjs"),
  "node-slim": (place) => hosts.node(place, "slim.mjs"),
  workerd: (place) => hosts.workerd(place, "worker.mjs"),
  "workerd-inline": (place) => hosts.workerd(place, "worker-inline.mjs"),
  "workerd-slim": (place) => hosts.workerd(place, "worker-slim.mjs"),
  "edge-light": (place) => hosts.workerd(place, "worker.mjs", ["edge-light"]),
  "vite-build": hosts.viteBuild,
  "vite-serve": hosts.viteServe,
  webpack: hosts.webpackBuild,
  "webpack for node": hosts.webpackForNode,
  "esbuild for node, as modules": (place) => hosts.esbuildForNode(place, "esm"),
  "esbuild for node, as commonjs": (place) => hosts.esbuildForNode(place, "cjs"),
  "rollup for node": (place) => hosts.rollupForNode(place, ["node"]),
  "rollup without conditions": (place) => hosts.rollupForNode(place, []),
  "vite for node": hosts.viteForNode,
  next: hosts.next,
  plain: hosts.plain,
};

const tool = (name) => join(here, "node_modules/.bin", name);

/** Compiles types.ts as a bundler's user and as a Node user would. */
async function types(place) {
  const strict = ["--noEmit", "--strict", "--target", "es2023", "--lib", "es2023,dom,dom.iterable"];
  const more = ["--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--noUnusedLocals", "--types", ""];
  for (const way of [["--module", "nodenext"], ["--module", "esnext", "--moduleResolution", "bundler"]]) {
    await run(tool("tsc"), [...strict, ...more, ...way, "types.ts"], place);
  }
}

/** The findings of publint. */
async function lint(tarball) {
  const { messages, pkg } = await publint({ pack: { tarball: Uint8Array.from(readFileSync(tarball)).buffer } });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
}

/** The projects to try, by name; all when none is named. */
const only = process.argv.slice(2);
/** The licences are there, and each script has a map with its sources; the engine is in no map. */
async function contents(tarball) {
  const files = (await run("tar", ["-tzf", tarball], here)).split("\n").map((name) => name.replace(/^package\//, ""));
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "dist/engine.wasm"]) assert.ok(files.includes(name), name);
  const scripts = files.filter((name) => name.endsWith(".js"));
  assert.deepEqual(scripts.filter((name) => !files.includes(`${name}.map`)), []);
  const maps = scripts.map((name) => run("tar", ["-xzOf", tarball, `package/${name}.map`], here));
  for (const text of await Promise.all(maps)) {
    assert.ok(text.length < 400_000, "the engine is in a map");
    const { sources, sourcesContent } = JSON.parse(text);
    assert.deepEqual(sources.filter((name, index) => sourcesContent[index] === null && !name.endsWith("glue/inline.ts")), []);
  }
}

const steps = new Steps();
let tarball;
if (await steps.run("tarball", async () => (tarball = await packed()))) {
  await steps.run("contents", () => contents(tarball));
  await steps.run("publint", () => lint(tarball));
  // The package is ESM only; CommonJS requires it as Node does since 20.19 (see `node-require`). The module is data.
  const attw = [tarball, "--profile", "esm-only", "--no-emoji", "--exclude-entrypoints", "engine.wasm"];
  await steps.run("attw", () => run(tool("attw"), attw, here));
  if (only.length === 0 || only.includes("frameworks")) {
    await steps.run("frameworks", async () => {
      const { answers, told } = await hosts.frameworks(await project("frameworks", tarball));
      const ran = ["refunded 45", "The tool `refund` was not run: policy denies this call."];
      assert.deepEqual(answers, { ai: ran, langchain: ran, openai: ran });
      assert.deepEqual(told, []);
    });
  }
  await steps.run("types", async () => types(await project("types", tarball)));
  let browser;
  await steps.run("chromium", async () => (browser = await launch()));
  for (const [name, use] of Object.entries(projects)) {
    if (only.length > 0 && !only.includes(name)) continue;
    await steps.run(name, async () => {
      const place = await project(name.replace(/\W+/g, "-"), tarball, name === "node-require" ? "commonjs" : "module");
      assert.deepEqual(await use(place, browser), expected);
    });
  }
  await browser?.close();
  console.log(`engine ${expected.engine_hash}`);
}
steps.finish();
