// The place of a position in an outline: in a key, in a value, or where one of them could be typed.
// It knows nothing of any schema.

import type { Entry, List, Mapping, Node, Scalar } from "./outline.js";

/** The keys and indices that lead to a value. */
export type Path = readonly (string | number)[];

export interface KeyPlace {
  kind: "key";
  /** The path of the mapping. */
  path: Path;
  mapping: Mapping;
  /** The entry whose key is here, unless it is still to be typed. */
  entry: Entry | null;
}

export interface ValuePlace {
  kind: "value";
  path: Path;
  scalar: Scalar | null;
  /** Whether a mapping or a list in block style may begin here, and at which column. */
  column: number | null;
  flow: boolean;
}

export type Place = KeyPlace | ValuePlace;

/** The place at `offset`, or null if there can be none: in comments, in texts of several lines, after a value. */
export function placeAt(text: string, root: Node | null, offset: number): Place | null {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const before = text.slice(lineStart, offset);
  if (root !== null) {
    const found = new Finder(text, offset).inside(root, [], false);
    if (found !== undefined) return found;
  }
  if (before.trim() !== "") return null;
  if (root === null || (root.kind === "scalar" && root.from === root.to)) {
    return { kind: "value", path: [], scalar: null, column: before.length, flow: false };
  }
  return atColumn(root, [], before.length, offset);
}

/** The last of things in order that begins at or before `offset`. */
function lastBefore<T>(list: readonly T[], from: (one: T) => number, offset: number): { one: T; index: number } | null {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (from(list[middle] as T) <= offset) low = middle + 1;
    else high = middle;
  }
  const one = list[low - 1];
  return one === undefined ? null : { one, index: low - 1 };
}

const entryFrom = (entry: Entry) => entry.key.from;

/** Looks for the token at an offset, and for the gaps on a line that only one thing can fill; undefined is neither. */
class Finder {
  constructor(
    readonly text: string,
    readonly offset: number,
  ) {}

  inside(node: Node, path: Path, flow: boolean): Place | null | undefined {
    if (node.kind === "scalar") return this.#scalar(node, path, flow);
    if (node.flow && !(this.offset > node.from && (this.offset < node.to || !node.closed))) return undefined;
    if (node.flow && !node.closed && this.offset > node.to) return undefined;
    return node.kind === "mapping" ? this.#mapping(node, path) : this.#list(node, path);
  }

  #scalar(node: Scalar, path: Path, flow: boolean): Place | null | undefined {
    if (this.offset < node.from || this.offset > node.to) return undefined;
    if (node.style === "block") return null;
    const lineStart = this.text.lastIndexOf("\n", node.from - 1) + 1;
    const begins = !flow && /^\s*(-\s+)*$/.test(this.text.slice(lineStart, node.from));
    return { kind: "value", path, scalar: node, column: begins ? node.from - lineStart : null, flow };
  }

  #mapping(mapping: Mapping, path: Path): Place | null | undefined {
    const found = lastBefore(mapping.entries, entryFrom, this.offset);
    const key = (entry: Entry | null): Place => ({ kind: "key", path, mapping, entry });
    if (found === null) return mapping.flow && !this.#comment(mapping.from + 1) ? key(null) : undefined;
    const { one: entry } = found;
    if (this.offset <= entry.key.to) return key(entry);
    const { colon, value } = entry;
    if (colon === null || this.offset <= colon) {
      return mapping.flow && this.#comma(entry.key.to) ? key(null) : undefined;
    }
    const inner = [...path, entry.key.text];
    if (value !== null && value.from <= this.offset) {
      const place = this.inside(value, inner, mapping.flow);
      if (place !== undefined || !mapping.flow) return place;
      return this.#comma(value.to) ? key(null) : null;
    }
    if (mapping.flow && this.#comma(colon + 1)) return key(null);
    return value === null ? this.#gap(colon + 1, inner, mapping.flow, null) : undefined;
  }

  #list(list: List, path: Path): Place | null | undefined {
    const found = lastBefore(list.items, ({ from }) => from, this.offset);
    const empty = (index: number): Place => {
      return { kind: "value", path: [...path, index], scalar: null, column: null, flow: true };
    };
    if (found === null) return list.flow && !this.#comment(list.from + 1) ? empty(0) : undefined;
    const { one: item, index } = found;
    if (item.value !== null && item.value.from <= this.offset) {
      const place = this.inside(item.value, [...path, index], list.flow);
      if (place !== undefined || !list.flow) return place;
      return this.#comma(item.value.to) ? empty(index + 1) : null;
    }
    if (list.flow || item.value !== null) return undefined;
    const lineStart = this.text.lastIndexOf("\n", this.offset - 1) + 1;
    return this.#gap(item.from + 1, [...path, index], false, this.offset - lineStart);
  }

  /** The gap after a colon or a dash, if the offset is still on its line. */
  #gap(from: number, path: Path, flow: boolean, column: number | null): Place | null | undefined {
    const between = this.text.slice(from, this.offset);
    if (between.trim() !== "") return null;
    if (!flow && between.includes("\n")) return undefined;
    // The value must not touch the colon.
    return between === "" ? null : { kind: "value", path, scalar: null, column, flow };
  }

  #comma(from: number): boolean {
    return this.text.slice(from, this.offset).includes(",") && !this.#comment(from);
  }

  #comment(from: number): boolean {
    const lineStart = this.text.lastIndexOf("\n", this.offset - 1) + 1;
    return /(^|\s)#/.test(this.text.slice(Math.max(from, lineStart), this.offset));
  }
}

/** The place on a line that is empty up to `column`, by its indentation. */
function atColumn(node: Node, path: Path, column: number, offset: number): Place | null {
  if (node.kind === "scalar" || node.flow || column < node.column) return null;
  if (node.kind === "mapping") {
    if (column === node.column) return { kind: "key", path, mapping: node, entry: null };
    const found = lastBefore(node.entries, entryFrom, offset);
    if (found === null || found.one.colon === null) return null;
    return below(found.one.value, [...path, found.one.key.text], column, offset);
  }
  const found = lastBefore(node.items, ({ from }) => from, offset);
  if (found === null || column === node.column) return null;
  return below(found.one.value, [...path, found.index], column, offset);
}

function below(value: Node | null, path: Path, column: number, offset: number): Place | null {
  if (value === null) return { kind: "value", path, scalar: null, column, flow: false };
  // Later keys are below: the line is above the first key of a mapping.
  if (value.from > offset && value.kind === "mapping" && !value.flow && value.column === column) {
    return { kind: "key", path, mapping: value, entry: null };
  }
  return atColumn(value, path, column, offset);
}
