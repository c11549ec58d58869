// The version of an installed package, read from its folder since not every package exports its manifest.

import { readFileSync } from "node:fs";

export const folderOf = (name) => new URL(`../node_modules/${name}/`, import.meta.url);

export const versionOf = (name) =>
  JSON.parse(readFileSync(new URL("package.json", folderOf(name)), "utf8")).version;
