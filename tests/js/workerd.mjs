// The corpus in workerd, the runtime of Cloudflare Workers itself, started by miniflare.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { conclude, corpus, engineBytes, engineGlue, here } from "./lib/places.mjs";

const text = (path) => readFileSync(join(here, path), "utf8");
const module = (path, contents = text(path)) => ({ type: "ESModule", path, contents });

const worker = new Miniflare({
  // Nothing is asked of Cloudflare.
  cf: false,
  host: "127.0.0.1",
  compatibilityDate: "2025-06-01",
  modules: [
    module("main.mjs", text("lib/workerd_main.mjs")),
    module("conformance.mjs"),
    module("lib/c_abi.mjs"),
    module("lib/glue.mjs"),
    module("engine.mjs", engineGlue()),
    { type: "CompiledWasm", path: "engine.wasm", contents: engineBytes() },
  ],
});
try {
  const answer = await worker.dispatchFetch("http://localhost/", { method: "POST", body: corpus() });
  if (answer.status !== 200) {
    throw new Error(`workerd answered ${answer.status}: ${await answer.text()}`);
  }
  conclude(await answer.json());
} finally {
  await worker.dispose();
}
