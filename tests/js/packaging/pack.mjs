// The package as it would be published, and fresh projects that have installed it.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { engineBytes, here, repository, target } from "../lib/places.mjs";

export const folder = join(target, "packaging");
export const npm = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error"];

/** Runs a program and returns its output; its standard error is part of the failure. */
export async function run(program, given, cwd, environment = {}) {
  try {
    const { stdout } = await promisify(execFile)(program, given, { cwd, env: { ...process.env, ...environment } });
    return stdout;
  } catch (error) {
    throw new Error(`\`${[program, ...given].join(" ")}\`: ${error.stdout ?? ""}${error.stderr || error.message}`);
  }
}

/** The tarball that the caller made, or one that is made now. */
export async function packed() {
  return process.env.FARAMESH_TARBALL ?? pack();
}

/** Builds the package in a folder of its own, so that it is the sources of now, and packs it. */
export async function pack() {
  engineBytes();
  rmSync(folder, { recursive: true, force: true });
  const source = join(folder, "source");
  const own = (path) => !/\/pkg\/(node_modules|dist|build)(\/|$)/.test(path);
  cpSync(join(repository, "pkg"), source, { recursive: true, filter: own });
  const installed = join(repository, "pkg/node_modules");
  if (existsSync(join(installed, "typescript"))) {
    symlinkSync(installed, join(source, "node_modules"));
  } else {
    await run("npm", ["ci", ...npm], source);
  }
  // As a user packs it: `prepack` builds the package.
  const scripts = npm.filter((option) => option !== "--ignore-scripts");
  await run("npm", ["pack", "--pack-destination", folder, ...scripts], source, { FARAMESH_ENGINE_DIR: join(target, "engine") });
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  if (tarballs.length !== 1) {
    throw new Error(`expected one tarball, found ${tarballs.length}`);
  }
  return join(folder, tarballs[0]);
}

/** A new project, with the tarball installed and nothing else. */
export async function project(name, tarball, type = "module") {
  const place = join(folder, "projects", name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, "package.json"), `${JSON.stringify({ name, version: "0.0.0", private: true, type })}\n`);
  cpSync(join(here, "packaging/project"), place, { recursive: true });
  await run("npm", ["install", tarball, ...npm], place);
  return place;
}
