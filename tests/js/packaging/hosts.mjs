// The fresh projects, each on its host: its bundler, its runtime, and its answer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import nodeResolve from "@rollup/plugin-node-resolve";
import * as esbuild from "esbuild";
import { Miniflare } from "miniflare";
import { rollup } from "rollup";
import * as vite from "vite";
import webpack from "webpack";
import { here, repository } from "../lib/places.mjs";
import { finished, freePort, serve } from "../lib/serve.mjs";
import { run } from "./pack.mjs";

/** Runs a script in Node. */
export async function node(place, script) {
  return JSON.parse(await run("node", [script], place));
}

/** Runs a bundle of one script where it is alone: no package and no file of one is in any folder above it. */
async function alone(bundle) {
  const empty = mkdtempSync(join(tmpdir(), "faramesh-alone-"));
  try {
    const script = join(empty, basename(bundle));
    cpSync(bundle, script);
    return await node(empty, script);
  } finally {
    rmSync(empty, { recursive: true });
  }
}

/** Bundles with esbuild for Node. */
export async function esbuildForNode(place, format) {
  const outfile = join(place, "out", `bundle.${format === "cjs" ? "cjs" : "mjs"}`);
  const entryPoints = [join(place, "bundled.mjs")];
  await esbuild.build({ entryPoints, outfile, bundle: true, platform: "node", format, logLevel: "error" });
  return alone(outfile);
}

/** Bundles with webpack for Node. */
export async function webpackForNode(place) {
  await webpacked({
    context: place,
    mode: "production",
    target: "node20",
    entry: "./bundled.mjs",
    output: { path: join(place, "out"), filename: "bundle.cjs" },
    performance: false,
  });
  return alone(join(place, "out", "bundle.cjs"));
}

/** Bundles with Rollup for Node; it knows only the conditions that it is told. */
export async function rollupForNode(place, exportConditions) {
  const file = join(place, "out", "bundle.mjs");
  const plugins = [nodeResolve({ exportConditions, preferBuiltins: true })];
  const bundle = await rollup({ input: join(place, "bundled.mjs"), plugins, external: /^node:/ });
  await bundle.write({ file, format: "es" });
  await bundle.close();
  return alone(file);
}

/** Builds with Vite for a server, with the package inside the bundle. */
export async function viteForNode(place) {
  const build = { ssr: "bundled.mjs", outDir: "out", rollupOptions: { output: { entryFileNames: "bundle.mjs" } } };
  await vite.build({ root: place, configFile: false, logLevel: "error", build, ssr: { noExternal: true } });
  return alone(join(place, "out", "bundle.mjs"));
}

/** Makes the installed packages of these tests part of a project, so that large ones are installed only once. */
function borrow(place, ...names) {
  for (const name of names) {
    mkdirSync(dirname(join(place, "node_modules", name)), { recursive: true });
    symlinkSync(join(here, "node_modules", name), join(place, "node_modules", name));
  }
}

/** Governed functions as tools of agent frameworks. */
export async function frameworks(place) {
  borrow(place, "ai", "zod", "@langchain/core", "@openai/agents-core");
  return node(place, "frameworks.mjs");
}

/** Builds with Next and asks the routes of the result, one in Node and one on the edge. */
export async function next(place) {
  borrow(place, "next", "react", "react-dom");
  const program = join(here, "node_modules/next/dist/bin/next");
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NEXT_ROOT: repository };
  await run(process.execPath, [program, "build"], place, env);
  const port = String(await freePort());
  const stdio = ["ignore", "pipe", "inherit"];
  const server = spawn(process.execPath, [program, "start", "--hostname", "127.0.0.1", "--port", port], { cwd: place, env, stdio });
  try {
    for await (const printed of server.stdout) {
      if (String(printed).includes("Ready")) break;
    }
    const ask = async (route) => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/${route}`);
      return answer.ok ? answer.json() : { status: answer.status, text: await answer.text() };
    };
    const answers = [await ask("node"), await ask("edge")];
    assert.deepEqual(answers[1], answers[0]);
    return answers[0];
  } finally {
    server.kill();
  }
}

/**
 * Bundles for Workers as Wrangler does: its conditions, and an imported `.wasm` stays a separate module.
 * Returns the script and the modules next to it.
 */
export async function bundleForWorkers(entry, conditions = ["workerd", "worker", "browser"]) {
  const modules = new Map();
  const wasm = {
    name: "wasm modules",
    setup(build) {
      build.onResolve({ filter: /\.wasm(\?module)?$/ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (pluginData === "asked") return undefined;
        const asked = path.replace(/\?module$/, "");
        const found = await build.resolve(asked, { kind, resolveDir, pluginData: "asked" });
        if (found.errors.length > 0) return found;
        const name = `./${basename(found.path)}`;
        modules.set(name.slice(2), readFileSync(found.path));
        return { path: name, external: true };
      });
    },
  };
  const { outputFiles } = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions,
    external: ["cloudflare:*", "node:*"],
    plugins: [wasm],
    logLevel: "error",
  });
  return { script: outputFiles[0].text, modules };
}

/** Bundles with esbuild and runs in workerd. */
export async function workerd(place, script, conditions) {
  const { script: contents, modules } = await bundleForWorkers(join(place, script), conditions);
  const compiled = [...modules].map(([path, bytes]) => ({ type: "CompiledWasm", path, contents: bytes }));
  const worker = new Miniflare({
    cf: false,
    host: "127.0.0.1",
    compatibilityDate: "2025-06-01",
    modules: [{ type: "ESModule", path: "worker.mjs", contents }, ...compiled],
  });
  try {
    const answer = await worker.dispatchFetch("http://localhost/");
    if (answer.status !== 200) {
      throw new Error(`workerd answered ${answer.status}: ${await answer.text()}`);
    }
    return await answer.json();
  } finally {
    await worker.dispose();
  }
}

async function page(browser, folder, path = "/") {
  const server = await serve({ folder });
  try {
    return await finished(browser, `${server.url}${path}`);
  } finally {
    await server.stop();
  }
}

/** Builds with Vite and opens the result in Chromium. */
export async function viteBuild(place, browser) {
  await vite.build({ root: place, configFile: false, logLevel: "error" });
  return page(browser, join(place, "dist"));
}

/** Opens what Vite's development server makes of the sources. It injects a script of its own, so it has no policy. */
export async function viteServe(place, browser) {
  const server = await vite.createServer({
    root: place,
    configFile: false,
    logLevel: "error",
    // Its script in the page connects to the port that is named here, so it has to be one.
    server: { host: "127.0.0.1", port: await freePort(), strictPort: true },
  });
  try {
    await server.listen();
    return await finished(browser, server.resolvedUrls.local[0]);
  } finally {
    await server.close();
  }
}

async function webpacked(options) {
  const compiler = webpack(options);
  const stats = await new Promise((done, failed) =>
    compiler.run((error, result) => compiler.close(() => (error ? failed(error) : done(result)))),
  );
  if (stats.hasErrors() || stats.hasWarnings()) {
    throw new Error(stats.toString("errors-warnings"));
  }
}

/** Builds with webpack and opens the result in Chromium. */
export async function webpackBuild(place, browser) {
  const output = join(place, "out");
  await webpacked({
    context: place,
    mode: "production",
    entry: "./browser.mjs",
    output: { path: output, filename: "browser.mjs" },
    performance: false,
  });
  const server = await serve({ folder: output, files: { "/index.html": readFileSync(join(place, "index.html")) } });
  try {
    return await finished(browser, `${server.url}/`);
  } finally {
    await server.stop();
  }
}

/** Opens the installed files as they are, without a bundler. */
export async function plain(place, browser) {
  const html = '<!doctype html><title>plain</title><script type="module" src="/plain.mjs"></script>';
  const server = await serve({ folder: place, files: { "/index.html": html } });
  try {
    return await finished(browser, `${server.url}/`);
  } finally {
    await server.stop();
  }
}
