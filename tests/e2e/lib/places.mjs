// Where things are in this repository, as they were built. It builds nothing.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = dirname(dirname(fileURLToPath(import.meta.url)));
export const repository = dirname(dirname(here));

/** The program that is tested. */
export function program() {
  return made(process.env.FARAMESH_BIN ?? join(repository, "target/debug/faramesh"), "cargo build -p cli");
}

/** The dashboard as files. */
export function site() {
  return made(process.env.FARAMESH_DASHBOARD ?? join(repository, "target/dashboard"), "cargo xtask dashboard");
}

/** Where screenshots are put. */
export const screenshots = join(repository, "target/e2e/screenshots");

/** The text of a policy that comes with the repository. */
export function policy(name) {
  return readFileSync(join(repository, "policies", name), "utf8");
}

function made(path, by) {
  if (!existsSync(path)) throw new Error(`\`${path}\` is missing; \`${by}\` makes it`);
  return path;
}
