// Builds dist/editor.js: the editor and all that it needs, minified, as one ES module that loads nothing more.
// It checks no types and runs no tests; `npm test` does.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";
import * as esbuild from "esbuild";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = join(root, "dist");
// All packages of CodeMirror are under the same licence, which wants to be passed on with every copy.
const licence = readFileSync(join(root, "node_modules/@codemirror/state/LICENSE"), "utf8");

const { outputFiles, warnings } = await esbuild.build({
  absWorkingDir: root,
  entryPoints: ["src/main.js"],
  outfile: "dist/editor.js",
  bundle: true,
  format: "esm",
  platform: "browser",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  banner: { js: `/*\nFaramesh's code editor, with CodeMirror and Lezer in it, which come with this licence:\n\n${licence}*/` },
  write: false,
  logLevel: "warning",
});
if (warnings.length > 0) process.exit(1);
const [module] = outputFiles;

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
writeFileSync(join(dist, "editor.js"), module.contents);
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
console.log(`dist/editor.js: ${kib(module.contents.length)}, brotli ${kib(brotliCompressSync(module.contents).length)}`);
