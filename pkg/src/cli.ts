#!/usr/bin/env node
// `npx faramesh version`: the version of the package, and the digest of the engine that decides, in the form that the
// `faramesh` program prints. Everything else is that program's: npm puts this file in front of it on PATH, so it hands
// the command on to the program where one is installed, and says how to get it where none is.
import { spawnSync } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

import { version } from "./surface.js";

const [command, ...rest] = process.argv.slice(2);
const asJson = rest.length === 2 && ["-o", "--output"].includes(rest[0] ?? "") && rest[1] === "json";

if (["version", "--version", "-V"].includes(command ?? "") && (rest.length === 0 || asJson)) {
  const { package_version, runtime_version, engine_hash } = version();
  console.log(
    asJson
      ? JSON.stringify({ engine_hash, runtime_version, version: package_version }, null, 2)
      : `faramesh ${package_version} (engine ${engine_hash})`,
  );
} else {
  const found = command === undefined || command === "version" ? undefined : program();
  if (found === undefined) {
    console.error("usage: faramesh version [-o json]");
    if (command !== undefined && command !== "version") {
      console.error(`\`${command}\` is a command of the \`faramesh\` program, which is not on PATH; the npm package has only \`version\``);
    }
    process.exitCode = 2;
  } else {
    const { status } = spawnSync(found, process.argv.slice(2), { stdio: "inherit" });
    process.exitCode = status ?? 2;
  }
}

/** The first `faramesh` on PATH that is not this script, nor npm's link to one like it. */
function program(): string | undefined {
  const name = process.platform === "win32" ? "faramesh.exe" : "faramesh";
  const own = realpathSync(fileURLToPath(import.meta.url));
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      const real = realpathSync(path);
      if (folder !== "" && real !== own && !real.endsWith(".js")) return path;
    } catch {
      // Not there, or not to be run.
    }
  }
  return undefined;
}
