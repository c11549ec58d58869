// The built files: their exports, that no host code gets into the neutral part, and that every entry works as described
// on a host of its kind.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const dist = join(root, "dist");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  exports: Record<string, Record<string, object | string> | string>;
  sideEffects: string[];
  dependencies?: object;
  files: string[];
};

/** Every file that `file` imports, itself included, and every other module's name. */
function graph(file: string, files = new Set<string>(), others = new Set<string>()) {
  if (files.has(file)) return { files, others };
  files.add(file);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(/^(?:import|export)\s(?:[^"'=;(]*?\sfrom\s)?["']([^"']+)["'];?$/gm)) {
    const path = normalize(join(dirname(file), name));
    if (!name.startsWith(".")) others.add(name);
    else if (path.endsWith(".js")) graph(path, files, others);
    else others.add(name);
  }
  return { files, others };
}

function run(code: string, ...more: string[]): string {
  return execFileSync(process.execPath, [...more, "-e", code], { cwd: root, encoding: "utf8" }).trim();
}

test("the neutral part imports nothing of any host", () => {
  // `slim` is the neutral part and no more.
  const { files, others } = graph(join(dist, "entry", "slim.js"));
  assert.deepEqual([...others], []);
  const text = [...files].map((file) => readFileSync(file, "utf8")).join("\n");
  for (const name of ["createGovernor", "createBundle", "simulate", "memoryOutbox"]) assert.ok(text.includes(`function ${name}(`), name);
  assert.doesNotMatch(text, /\bprocess\.|\bBuffer\b|\brequire\(|["']node:|localStorage|globalThis\.window/);
});

test("each entry imports what its host has, and nothing else", () => {
  const others = (entry: string) => [...graph(join(dist, "entry", `${entry}.js`)).others];
  for (const entry of ["node", "node-bundled", "bun"]) assert.ok(others(entry).includes("node:fs") && others(entry).every((name) => name.startsWith("node:")), entry);
  assert.deepEqual(others("workerd"), ["../engine.wasm"]);
  assert.deepEqual(others("edge-light"), ["../engine.wasm?module"]);
  for (const entry of ["browser", "slim", "inline", "deno"]) assert.deepEqual(others(entry), [], entry);
  assert.deepEqual(
    readdirSync(join(dist, "entry")).filter((name) => name.endsWith(".js")).sort(),
    ["browser.js", "bun.js", "deno.js", "edge-light.js", "inline.js", "node-bundled.js", "node.js", "slim.js", "workerd.js"],
  );
});

test("nothing waits at the top of a module, and nothing is evaluated from text", () => {
  for (const name of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"))) {
    const text = readFileSync(join(dist, name), "utf8");
    assert.doesNotMatch(text, /^(?:const|let|export|await).*\bawait\b/m, name);
    assert.doesNotMatch(text, /\beval\(|new Function\(/, name);
  }
  // `require` refuses a module that waits.
  assert.equal(run(`console.log(require("faramesh").version().package_version)`, "--no-warnings"), "0.1.0");
});

test("the conditions stand in the order in which they must be tried, and every file is there", () => {
  const main = manifest.exports["."] as Record<string, object | string>;
  assert.deepEqual(Object.keys(main), ["types", "workerd", "edge-light", "deno", "bun", "node", "browser", "default"]);
  assert.deepEqual(Object.keys(main["node"] ?? {}), ["module", "default"]);
  const targets = (one: object | string): string[] => (typeof one === "string" ? [one] : Object.values(one as Record<string, object | string>).flatMap(targets));
  for (const target of targets(manifest.exports)) assert.ok(existsSync(join(root, target)), target);
  assert.equal(manifest.dependencies, undefined);
});

test("what a file does when it is loaded, no bundler may leave out", () => {
  const kept = (file: string) => manifest.sideEffects.some((glob) => new RegExp(`^${glob.replaceAll(".", "\\.").replace("*", "[^/]*")}$`).test(`./dist/${file}`));
  for (const file of readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"))) {
    // A start is a call at the beginning of a line; inside of a function it is indented.
    const starts = /^(?:useHost|useNode|useModule|initSync|startFromFile)\(/m.test(readFileSync(join(dist, file), "utf8"));
    assert.equal(starts, /^entry\//.test(file), file);
    if (starts) assert.ok(kept(file), file);
  }
  assert.ok(kept("cli.js"));
});

test("the licences are those of the repository", () => {
  for (const name of ["LICENSE-MIT", "LICENSE-APACHE"]) {
    assert.ok(manifest.files.includes(name));
    assert.equal(readFileSync(join(root, name), "utf8"), readFileSync(join(root, "..", name), "utf8"));
  }
});

test("timers, clocks and randomness are not touched while a governor is made, as workerd demands", () => {
  const code = `
    import { createGovernor, createBundle, memoryOutbox } from "faramesh";
    const forbidden = () => { throw new Error("not while a module is evaluated"); };
    const now = Date.now, uuid = crypto.randomUUID;
    Date.now = performance.now = globalThis.setTimeout = globalThis.fetch = Math.random = forbidden;
    crypto.randomUUID = crypto.getRandomValues = forbidden;
    const keys = [{ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }];
    createGovernor({ agentId: "a", bundle: createBundle({ keys, url: "http://127.0.0.1:1" }), server: "http://127.0.0.1:1" });
    createGovernor({ agentId: "a", policies: { "a.yaml": "rules: []" }, server: "http://127.0.0.1:1", outbox: memoryOutbox() }).govern(() => 1, { tool: "t" });
    console.log("made");`;
  assert.equal(run(code, "--no-warnings", "--input-type=module"), "made");
});

test("slim brings no engine, says so, and takes one", () => {
  const code = `
    import { readFileSync } from "node:fs";
    import { createGovernor, init, initSync, check } from "faramesh/slim";
    const make = () => createGovernor({ agentId: "a", policy: "rules: [{ match: { tool: t }, allow: true }]" });
    const codes = [];
    for (const use of [make, () => check("rules: []")]) try { use() } catch (error) { codes.push(error.code, error.message) }
    await init().catch((error) => codes.push(error.code));
    await init(Uint8Array.of(1, 2, 3)).catch((error) => codes.push(error.code));
    initSync(new WebAssembly.Module(readFileSync("dist/engine.wasm")));
    codes.push(make().decide({ tool: "t" }).outcome);
    console.log(codes.join("|"));`;
  const message = "the engine is not loaded yet; call \`await init()\` first";
  assert.equal(
    run(code, "--no-warnings", "--input-type=module"),
    ["engine_not_ready", message, "engine_not_ready", message, "engine_not_ready", "wrong_engine", "EXECUTE"].join("|"),
  );
});

test("inline brings its engine in the script", () => {
  const code = `
    import { createGovernor, version } from "faramesh/inline";
    console.log(createGovernor({ agentId: "a", policy: "rules: [{ match: { tool: t }, allow: true }]" }).decide({ tool: "t" }).outcome);`;
  assert.equal(run(code, "--no-warnings", "--input-type=module"), "EXECUTE");
});

test("a page loads its engine with init, once, and refuses a stale one", () => {
  // The entry of browsers by its path, with a `fetch` that serves the file; packaging tests run it in a real page.
  const code = `
    import { readFileSync } from "node:fs";
    let [asked, stale] = [[], true];
    globalThis.fetch = async (url) => {
      asked.push(String(url).slice(-17));
      return new Response(stale ? "stale" : readFileSync("dist/engine.wasm"));
    };
    const { createGovernor, init } = await import("./dist/entry/browser.js");
    const make = () => createGovernor({ agentId: "a", policy: "rules: [{ match: { tool: t }, allow: true }]" });
    const codes = [];
    try { make() } catch (error) { codes.push(error.code) }
    await init().catch((error) => codes.push(error.code));
    stale = false;
    await Promise.all([init(), init()]);
    await init();
    codes.push(make().decide({ tool: "t" }).outcome, ...asked);
    console.log(codes.join("|"));`;
  const file = "/dist/engine.wasm";
  assert.equal(run(code, "--no-warnings", "--input-type=module"), ["engine_not_ready", "wrong_engine", "EXECUTE", file, file].join("|"));
});
