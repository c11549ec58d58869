// The fresh projects, each on its host: what a project is bundled with, where it runs, and what it answers.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import * as esbuild from "esbuild";
import { Miniflare } from "miniflare";
import * as vite from "vite";
import webpack from "webpack";
import { finished, freePort, serve } from "../lib/serve.mjs";
import { run } from "./pack.mjs";

/** Runs a script in Node. */
export async function node(place, script) {
  return JSON.parse(await run("node", [script], place));
}

/**
 * Bundles for Workers as Wrangler does: its conditions, and an imported `.wasm` stays a module of its own.
 * Gives the script and the modules beside it.
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

/** Builds with webpack and opens the result in Chromium. */
export async function webpackBuild(place, browser) {
  const output = join(place, "out");
  const compiler = webpack({
    context: place,
    mode: "production",
    entry: "./browser.mjs",
    output: { path: output, filename: "browser.mjs" },
    performance: false,
  });
  const stats = await new Promise((done, failed) =>
    compiler.run((error, result) => compiler.close(() => (error ? failed(error) : done(result)))),
  );
  if (stats.hasErrors() || stats.hasWarnings()) {
    throw new Error(stats.toString("errors-warnings"));
  }
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
