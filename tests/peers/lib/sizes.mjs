// Sizes: the wasm modules as they are and compressed, and the folders that an installation unpacks.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { kibibytes, table } from "./table.mjs";
import { folderOf } from "./version.mjs";

const ours = new URL("../../../pkg/", import.meta.url);

const MODULES = [
  ["faramesh", new URL("dist/engine.wasm", ours)],
  ["cedar-wasm", new URL("nodejs/cedar_wasm_bg.wasm", folderOf("@cedar-policy/cedar-wasm"))],
];

const PACKAGES = [
  "@cedar-policy/cedar-wasm",
  "@gorules/zen-engine",
  "@marcbachmann/cel-js",
  "@microsoft/agent-governance-sdk",
  "casbin",
  "json-rules-engine",
];

const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;

/** The bytes of all files in `folder`, without the packages that are nested in it. */
function folderBytes(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules") continue;
    const path = new URL(entry.isDirectory() ? `${entry.name}/` : entry.name, folder);
    bytes += entry.isDirectory() ? folderBytes(path) : statSync(path).size;
  }
  return bytes;
}

/** The packages that come with `name`, itself included, as the lock file resolves them on this platform. */
function closure(name, packages, from = "", seen = new Set()) {
  // A dependency is in the folder of its dependant or of an ancestor.
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const key = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (packages[key]) {
      if (!seen.has(key) && existsSync(new URL(`../${key}/`, import.meta.url))) {
        seen.add(key);
        const { dependencies, optionalDependencies } = packages[key];
        for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) closure(next, packages, key, seen);
      }
      return seen;
    }
    if (folder === "") return seen;
  }
}

async function packed() {
  const run = promisify(execFile);
  const { stdout } = await run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: fileURLToPath(ours) });
  const [{ unpackedSize, entryCount }] = JSON.parse(stdout);
  return { bytes: unpackedSize, files: entryCount };
}

export async function run({ print, markdown }) {
  const modules = MODULES.map(([name, file]) => {
    const bytes = readFileSync(file);
    return { name, raw: bytes.length, gzip: gzip(bytes), brotli: brotli(bytes) };
  });
  const { packages } = JSON.parse(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"));
  const own = await packed();
  const folders = [
    { name: "faramesh", bytes: own.bytes, packages: 1, all: own.bytes },
    ...PACKAGES.map((name) => {
      const all = [...closure(name, packages)].map((key) => folderBytes(new URL(`../${key}/`, import.meta.url)));
      return { name, bytes: folderBytes(folderOf(name)), packages: all.length, all: all.reduce((sum, one) => sum + one, 0) };
    }),
  ];
  print("Wasm modules");
  print(
    table(
      ["", "raw", "gzip -9", "brotli 11"],
      modules.map(({ name, raw, gzip, brotli }) => [name, kibibytes(raw), kibibytes(gzip), kibibytes(brotli)]),
      { markdown },
    ),
  );
  print("\nInstalled");
  print(
    table(
      ["", "unpacked", "packages with it", "all unpacked"],
      folders.map(({ name, bytes, packages, all }) => [name, kibibytes(bytes), packages, kibibytes(all)]),
      { markdown },
    ),
  );
  return { faults: [], result: { modules, folders } };
}
