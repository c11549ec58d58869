#!/usr/bin/env node
// `npx faramesh version`: the version of the package, and the digest of the engine that decides, in the form that the
// `faramesh` program prints. It does nothing else; policies are checked and tried with that program.
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
  console.error("usage: faramesh version [-o json]");
  if (command !== undefined && command !== "version") {
    console.error(`\`${command}\` is no command of the npm package; the \`faramesh\` program, which the repository builds, has the others`);
  }
  process.exitCode = 2;
}
