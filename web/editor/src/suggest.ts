// The possible keys and values at a place, and the text to insert for each of them.
// It needs no editor and no page; complete.ts shows its suggestions.

import { type Names, namesIn, toolsOf } from "./names.js";
import type { Mapping, Node } from "./outline.js";
import { type KeyPlace, type Path, type Place, placeAt, type ValuePlace } from "./place.js";
import type { About, Key, Schemas, SchemaWalk } from "./schema.js";

export interface Suggestion {
  /** The displayed text, which typing is compared with. */
  label: string;
  kind: "key" | "operator" | "value" | "name";
  detail: string;
  /** The text that replaces the present one. */
  insert: string;
  /** Where the cursor goes, counted from the beginning of `insert`. */
  cursor: number;
  /** Whether to suggest again at once, because the next thing is one of a few. */
  again: boolean;
  about: About | null;
  /** The description of a single value. */
  description: string | null;
}

export interface Suggestions {
  from: number;
  to: number;
  /** The text typed so far. */
  typed: string;
  place: Place;
  /** The best first. */
  list: Suggestion[];
}

/** Operators that are asked for most, first; the others follow in the schema's order. */
const FIRST_OPERATORS = ["_eq", "_gt", "_gte", "_lt", "_lte", "_in", "_not_in", "_starts_with", "_contains", "_matches"];

const INDENT = 2;
const spaces = (count: number) => " ".repeat(count);

/** The suggestions at `offset`, or null if nothing is known of the place. */
export function suggest(walk: SchemaWalk, text: string, root: Node | null, offset: number): Suggestions | null {
  const place = placeAt(text, root, offset);
  if (place === null) return null;
  const token = place.kind === "key" ? (place.entry?.key ?? null) : place.scalar;
  let [from, to] = [offset, offset];
  if (token !== null) {
    const quoted = token.style === "single" || token.style === "double";
    const isClosed = quoted && token.to - token.from > 1 && text[token.to - 1] === text[token.from];
    from = token.from + (quoted ? 1 : 0);
    to = token.to - (isClosed ? 1 : 0);
    if (offset < from || offset > to) return null;
    // Words behind the cursor are not part of a key that is still being typed.
    if (/\s/.test(text.slice(offset, to)) && !(place.kind === "key" && place.entry?.colon !== null)) to = offset;
  }
  const typed = text.slice(from, offset);
  const asked = new Asked(walk, root, token !== null && from > token.from);
  const list = place.kind === "key" ? asked.keys(place, typed) : asked.values(place, typed);
  return { from, to, typed, place, list };
}

class Asked {
  #names: Names | null = null;

  constructor(
    readonly walk: SchemaWalk,
    readonly root: Node | null,
    readonly quoted: boolean,
  ) {}

  keys({ path, mapping, entry }: KeyPlace, typed: string): Suggestion[] {
    const present = new Set(mapping.entries.filter((other) => other !== entry).map(({ key }) => key.text));
    const style = { flow: mapping.flow, column: mapping.column, hasColon: (entry?.colon ?? null) !== null };
    return this.#keys(path, mapping, present, style, typed);
  }

  values({ path, column, flow, scalar }: ValuePlace, typed: string): Suggestion[] {
    const schemas = this.walk.at(path);
    const named = this.walk.values(schemas);
    const values = named.map(({ value, description }): Suggestion => {
      const label = typeof value === "string" ? value : JSON.stringify(value);
      const insert = this.quoted ? label : written(value);
      return { ...plainly(label, "value", "", insert), description };
    });
    const examples = this.walk.examples(schemas).filter((value) => !named.some((one) => one.value === value));
    for (const value of examples) {
      const label = typeof value === "string" ? value : JSON.stringify(value);
      values.push(plainly(label, "value", "for example", this.quoted ? label : written(value)));
    }
    const list = [...values, ...this.#namedValues(path)];
    if (this.quoted) return list;

    const types = this.walk.types(schemas);
    if (column !== null && types.has("object")) {
      list.push(...this.#keys(path, null, new Set(), { flow: false, column, hasColon: false }, typed));
    }
    if (scalar !== null) return list;
    const onOwnLine = column !== null && typeof path.at(-1) === "string";
    if (types.has("array") && onOwnLine) list.push({ ...plainly("- ", "value", "list item", "- "), again: true });
    if (column !== null || path.length === 0) return list;
    if (types.has("object")) list.push({ ...plainly("{ }", "value", "mapping", "{  }"), cursor: 2, again: true });
    if (types.has("array") && !(flow && typeof path.at(-1) === "number")) {
      list.push({ ...plainly("[ ]", "value", "list", "[]"), cursor: 1, again: true });
    }
    return list;
  }

  #keys(path: Path, mapping: Mapping | null, present: ReadonlySet<string>, style: Style, typed: string): Suggestion[] {
    const schemas = this.walk.at(path);
    const keys = this.walk.keys(schemas, present);
    const ordered = [...keys.filter(({ required }) => required), ...keys.filter(({ required }) => !required)];
    const own = ordered.map((key) => this.#key(key, style));
    const conditions = this.#conditions(schemas, path, mapping, typed, style, own);
    const free = this.#openNames(schemas, path, present, style);
    return [...conditions.operators, ...own, ...free, ...conditions.params];
  }

  #key({ name, required, about, schemas }: Key, style: Style): Suggestion {
    const detail = required ? "needed" : (about.title ?? "");
    return { ...plainly(name, "key", detail, ""), ...this.#typed(name, schemas, style), about };
  }

  /** Conditions on parameters, such as `amount_lte`: first the parameter, then how it is compared. */
  #conditions(schemas: Schemas, path: Path, mapping: Mapping | null, typed: string, style: Style, own: Suggestion[]) {
    const endings = this.walk.endings(schemas);
    if (endings.length === 0) return { operators: [], params: [] };
    const rank = (ending: string) => (FIRST_OPERATORS.indexOf(ending) + FIRST_OPERATORS.length + 1) % (FIRST_OPERATORS.length + 1);
    const byUse = [...endings].sort((one, other) => rank(one.ending) - rank(other.ending));

    const known = this.#paramsOf(path, mapping);
    const params = known.filter((param) => !typed.startsWith(`${param}_`)).map((param): Suggestion => {
      return { ...plainly(`${param}_`, "name", "parameter", `${param}_`), again: true };
    });
    const unknown = typed !== "" && ![...own, ...params].some(({ label }) => label.startsWith(typed));
    const split = known.includes(typed) || unknown ? typed.length : -1;
    const stem = stemOf(typed, byUse.map(({ ending }) => ending)) ?? (split < 0 ? null : typed);
    if (stem === null) return { operators: [], params };
    const rest = typed.slice(stem.length);
    const operators = byUse.filter(({ ending }) => ending.startsWith(rest)).map((one): Suggestion => {
      const label = stem + one.ending;
      return { ...plainly(label, "operator", one.about.title ?? "", ""), ...this.#typed(label, one.schemas, style), about: one.about };
    });
    return { operators, params };
  }

  /** The parameters of the tools that the matches around a place name, or all there are if they name none. */
  #paramsOf(path: Path, mapping: Mapping | null): string[] {
    const { params } = this.#all();
    let tools: string[] = mapping === null ? [] : toolsOf(mapping);
    if (tools.length === 0) {
      for (const match of mappingsOn(this.root, path)) {
        const named = toolsOf(match);
        if (named.length > 0) tools = named;
      }
    }
    const own = tools.flatMap((tool) => [...(params.get(tool) ?? [])]);
    return own.length > 0 ? [...new Set(own)] : [...(params.get("") ?? [])];
  }

  /** Names of the document where the schema allows any. */
  #openNames(schemas: Schemas, path: Path, present: ReadonlySet<string>, style: Style): Suggestion[] {
    if (!this.walk.isOpen(schemas)) return [];
    const names = this.#all();
    let found: { name: string; detail: string }[] = [];
    if (path.length === 1 && path[0] === "tools") {
      found = [...names.tools].map((name) => ({ name, detail: "tool of a rule" }));
    } else if (path[0] === "tools" && path.length === 3) {
      found = [...(names.params.get(String(path[1])) ?? [])].map((name) => ({ name, detail: "parameter of a rule" }));
    } else if (path.at(-1) === "params") {
      found = this.#paramsOf(path, null).map((name) => ({ name, detail: "parameter" }));
    }
    return found.filter(({ name }) => name !== "" && !present.has(name)).map(({ name, detail }) => {
      return { ...plainly(name, "name", detail, ""), ...this.#typed(name, this.walk.child(schemas, name), style) };
    });
  }

  #namedValues(path: Path): Suggestion[] {
    const key = typeof path.at(-1) === "number" ? path.at(-2) : path.at(-1);
    if (path[0] === "tools" || (key !== "tool" && key !== "field")) return [];
    const { tools, declared } = this.#all();
    const found = key === "tool" ? tools : this.#paramsOf(path.slice(0, -1), null);
    return [...found].map((name) => {
      const detail = key === "field" ? "parameter" : declared.has(name) ? "declared tool" : "tool of another rule";
      return plainly(name, "name", detail, this.quoted ? name : written(name));
    });
  }

  #all(): Names {
    this.#names ??= namesIn(this.root, this.#endings());
    return this.#names;
  }

  #endings(): string[] {
    // The suffixes are the same wherever conditions are possible; any rule's match will do.
    const match = this.walk.at(["rules", 0, "match"]);
    return this.walk.endings(match).map(({ ending }) => ending);
  }

  /** How a key is typed with its colon and the beginning of its value. */
  #typed(name: string, schemas: Schemas, { flow, column, hasColon }: Style): Pick<Suggestion, "insert" | "cursor" | "again"> {
    const key = this.quoted ? name : writtenKey(name, flow);
    if (hasColon || this.quoted) return { insert: key, cursor: key.length, again: false };
    const types = this.walk.types(schemas);
    const values = this.walk.values(schemas);
    const only = (type: string) => types.size === 1 && types.has(type);
    const ends = (insert: string, back: number, again: boolean) => ({ insert, cursor: insert.length - back, again });

    if (only("object")) return flow ? ends(`${key}: {  }`, 2, true) : ends(`${key}:\n${spaces(column + INDENT)}`, 0, true);
    if (only("array")) {
      const items = this.walk.item(schemas, 0);
      const ofMappings = this.walk.types(items).has("object");
      if (ofMappings && !flow) return ends(`${key}:\n${spaces(column + INDENT)}- `, 0, true);
      return ends(`${key}: []`, 1, this.walk.values(items).length > 0);
    }
    const [first] = values;
    if (first !== undefined && values.length === 1 && types.size === 1) return ends(`${key}: ${written(first.value)}`, 0, false);
    return ends(`${key}: `, 0, values.length > 0 || name === "tool" || name === "field");
  }
}

interface Style {
  flow: boolean;
  column: number;
  hasColon: boolean;
}

function plainly(label: string, kind: Suggestion["kind"], detail: string, insert: string): Suggestion {
  return { label, kind, detail, insert, cursor: insert.length, again: false, about: null, description: null };
}

/** The parameter of a condition that is typed as far as the beginning of its operator. */
function stemOf(typed: string, endings: readonly string[]): string | null {
  for (let at = typed.indexOf("_", 1); at > 0; at = typed.indexOf("_", at + 1)) {
    const rest = typed.slice(at);
    if (endings.some((ending) => ending.startsWith(rest))) return typed.slice(0, at);
  }
  return null;
}

/** The mappings through which a path leads, from the outermost. */
function mappingsOn(root: Node | null, path: Path): Mapping[] {
  const found: Mapping[] = [];
  let node = root;
  for (const step of path) {
    if (node?.kind === "mapping") {
      found.push(node);
      node = node.entries.find(({ key }) => key.text === step)?.value ?? null;
    } else if (node?.kind === "list" && typeof step === "number") {
      node = node.items[step]?.value ?? null;
    } else return found;
  }
  if (node?.kind === "mapping") found.push(node);
  return found;
}

/** Words that YAML 1.1 or 1.2 reads as something other than a text. */
const OTHER_THAN_TEXT = /^(~|null|true|false|yes|no|on|off|y|n)$|^[-+.]?\d/i;
const PLAIN = /^[A-Za-z0-9_./][A-Za-z0-9_./@ -]*$/;

/** A value as YAML, in quotation marks where it would otherwise be read as something else. */
function written(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  const isPlain = PLAIN.test(value) && !value.endsWith(" ") && !OTHER_THAN_TEXT.test(value);
  return isPlain || /^\d+(ms|[smhdw])$/.test(value) ? value : JSON.stringify(value);
}

function writtenKey(name: string, flow: boolean): string {
  const isPlain = flow ? /^[^\s\[\]{},:#&*!|>'"%@`-][^\s\[\]{},:#]*$/ : /^[^\s\[\]{},:#&*!|>'"%@`-][^\s:#]*$/;
  return isPlain.test(name) ? name : JSON.stringify(name);
}
