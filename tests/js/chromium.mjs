// The corpus in a page of headless Chromium, under a policy that allows a page's own scripts and WebAssembly only.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { conclude, corpus, engineBytes, engineGlue, here } from "./lib/places.mjs";
import { finished, launch, serve } from "./lib/serve.mjs";

const files = {
  "/index.html": '<!doctype html><title>corpus</title><script type="module" src="/page.mjs"></script>',
  "/page.mjs": readFileSync(join(here, "lib/chromium_page.mjs")),
  "/corpus.json": corpus(),
  "/engine.js": engineGlue(),
  "/engine.wasm": engineBytes(),
};
for (const path of ["conformance.mjs", "lib/c_abi.mjs", "lib/glue.mjs"]) {
  files[`/${path}`] = readFileSync(join(here, path));
}
const browser = await launch();
const server = await serve({ files });
try {
  conclude(await finished(browser, `${server.url}/`));
} finally {
  await server.stop();
  await browser.close();
}
