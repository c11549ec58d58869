// Turns the arguments of a call into the `params` of an action and into the arguments of the tool: exactly the decided
// ones. An argument that the policies do not see never reaches the tool, unless `exclude` names it or `params` omits it.

import { isBeside } from "./beside.js";
import { InvalidActionError } from "./errors.js";
import { isPlain, NotJson } from "./json.js";
import { isClass, isLeftOut, signatureOf } from "./signature.js";
import type { Path } from "./signature.js";
import type { AnyFunction, GovernOptions } from "./types.js";

type Args = readonly unknown[];
type Params = Record<string, unknown>;

/** The arguments of one call, read once. */
export interface Reading {
  /** The decided parameters. */
  readonly params: object;
  /** The tool's arguments, given the decided `params` as a copy. */
  args(decided: () => Params): unknown[];
}

/** Reads the arguments of calls of one tool. @throws NotJson for what cannot be `params`. */
export type Reader = (args: Args) => Reading;

const GENERATORS = [Object.getPrototypeOf(function* () {}), Object.getPrototypeOf(async function* () {})] as object[];

/** How arguments of `fn` are read. @throws TypeError for a function of which it cannot be told. */
export function readerOf(fn: AnyFunction, options: GovernOptions): Reader {
  const { tool, params } = options;
  if (isClass(fn)) throw new TypeError(`\`${tool}\` is a class; govern a function that makes an object of it`);
  if (GENERATORS.some((kind) => Object.getPrototypeOf(fn) === kind)) {
    throw new TypeError(`\`${tool}\` is a generator, whose effects come after its call; govern a plain function`);
  }
  const defaults = checkedDefaults(options);
  const exclude = checkedNames(options.exclude ?? [], tool, "exclude");
  if (typeof params === "function") {
    if (options.defaults !== undefined || exclude.length > 0) {
      throw new TypeError(`\`params\` of \`${tool}\` is a function and says it all; leave \`${exclude.length > 0 ? "exclude" : "defaults"}\` out`);
    }
    return mapped(params as (...args: unknown[]) => object);
  }
  if (params === undefined) return oneObject(fn, tool, defaults, exclude);
  return positional(fn, tool, checkedNames(params, tool, "params"), defaults, exclude);
}

/** The one argument is an object, and is `params` itself. */
function oneObject(fn: AnyFunction, tool: string, defaults: Params, exclude: readonly string[]): Reader {
  const signature = signatureOf(fn);
  const count = signature?.count ?? fn.length;
  const hint = "say with `params` how they are called: a list of names, or a function such as `(input) => input`";
  if (count > 1) throw new TypeError(`\`${tool}\` takes ${count} arguments; ${hint}`);
  if (signature === null) {
    const message = `the parameters of \`${tool}\` cannot be read, as of what \`bind\` makes, so a default could hide there`;
    throw new TypeError(`${message}; govern a function that calls it: \`(input) => fn(input)\``);
  }
  const [places = []] = signature.defaults;
  const unseen = leftOut(tool, places, defaults);
  return (args) => {
    // A function with one argument does not get a framework's extra argument; any other extra argument is a mistake.
    if (!args.slice(1).every(isBeside)) throw new NotJson(`\`${tool}\` was called with ${args.length} arguments, and one object is expected; ${hint}`);
    const [given = {}] = args;
    if (typeof given !== "object" || given === null || Array.isArray(given)) throw new NotJson(`the argument of \`${tool}\` is no object`);
    const { params, aside } = apart(given, defaults, exclude);
    return {
      params,
      args: (decided) => {
        const snapshot = decided();
        unseen(snapshot);
        for (const key of Object.keys(aside)) define(snapshot, key, aside[key]);
        return [snapshot];
      },
    };
  };
}

/** Positional arguments have names. */
function positional(fn: AnyFunction, tool: string, names: readonly string[], defaults: Params, exclude: readonly string[]): Reader {
  const signature = signatureOf(fn);
  const count = Math.max(signature?.count ?? fn.length, fn.length);
  if (names.length < count) throw new TypeError(`\`${tool}\` takes ${count} arguments, and \`params\` names ${names.length}`);
  const stranger = [...exclude, ...Object.keys(defaults)].find((name) => !names.includes(name));
  if (stranger !== undefined) throw new TypeError(`\`params\` of \`${tool}\` does not name \`${stranger}\``);
  const unseen = names.map((name, index) => {
    const places = signature?.defaults[index];
    // Of what `bind` makes only the length is known: what comes behind it may have a default.
    const own = signature === null && index >= fn.length ? [[]] : (places ?? (places === null ? null : []));
    const below = own?.map((path) => [name, ...path]) ?? null;
    return exclude.includes(name) ? () => undefined : leftOut(tool, below, defaults);
  });
  return (args) => {
    if (args.length > names.length) throw new NotJson(`\`${tool}\` was called with ${args.length} arguments, and ${names.length} have a name`);
    const params: Params = { ...defaults };
    names.forEach((name, index) => {
      const argument = args[index];
      if (exclude.includes(name) || argument === undefined) return;
      if (signature === null && typeof argument === "object" && argument !== null) {
        throw new NotJson(`the parameters of \`${tool}\` cannot be read, as of what \`bind\` makes, so a default could hide inside of \`${name}\``);
      }
      params[name] = argument;
    });
    return {
      params,
      args: (decided) => {
        const snapshot = decided();
        unseen.forEach((check) => check(snapshot));
        const last = names.reduce((longest, name, index) => (name in snapshot ? Math.max(longest, index + 1) : longest), args.length);
        return names.slice(0, last).map((name, index) => (exclude.includes(name) ? args[index] : snapshot[name]));
      },
    };
  };
}

/**
 * A function computes `params` from the arguments. Each argument that it reads is copied once, and the tool gets the
 * copy, even if the caller's own object answers differently later. Arguments that it does not read are passed unchanged.
 */
function mapped(params: (...args: unknown[]) => object): Reader {
  return (args) => {
    const views = args.map((argument) => (isContainer(argument) ? copyOnRead(argument) : null));
    const answer: unknown = params(...args.map((argument, index) => views[index]?.view ?? argument));
    // Its own argument given back is the copy of it, without the detour of the view.
    const made = views.find((one) => one !== null && one.view === answer)?.look() ?? answer;
    if (typeof made !== "object" || made === null || Array.isArray(made)) throw new NotJson("what `params` makes of the arguments is no object");
    return {
      params: made,
      args: () => args.map((argument, index) => views[index]?.copy() ?? argument),
    };
  };
}

/** The decided and the excluded part of an object, with each property read once. */
function apart(given: object, defaults: Params, exclude: readonly string[]): { params: object; aside: Params } {
  const aside: Params = {};
  const filled = Object.keys(defaults);
  if ((filled.length === 0 && exclude.length === 0) || !isPlain(given)) return { params: given, aside };
  const params: Params = {};
  for (const key of Object.keys(given)) {
    const value = (given as Params)[key];
    if (exclude.includes(key)) aside[key] = value;
    else if (value !== undefined) define(params, key, value);
  }
  for (const key of filled) if (!Object.hasOwn(params, key)) define(params, key, defaults[key]);
  return { params, aside };
}

/** A check that no default of the function comes into play where the policies would not see it. */
function leftOut(tool: string, places: readonly Path[] | null, defaults: Params): (decided: Params) => void {
  if (places === null) {
    throw new TypeError(`which defaults \`${tool}\` has cannot be told from its parameters; give \`params\` as a function`);
  }
  return (decided) => {
    const path = places.find((one) => isLeftOut(decided, one));
    if (path === undefined) return;
    const [name] = path;
    if (name === undefined || Object.hasOwn(defaults, name)) return;
    const message =
      `\`${path.join(".")}\` of \`${tool}\` was left out, and the policies cannot see the default that the function has for it; ` +
      "pass it, or name it in `defaults`";
    throw new InvalidActionError(message, { code: "unseen_default" });
  };
}

function checkedDefaults({ tool, defaults = {} }: GovernOptions): Params {
  if (typeof defaults !== "object" || defaults === null || !isPlain(defaults)) throw new TypeError(`\`defaults\` of \`${tool}\` must be an object`);
  return structuredClone(defaults) as Params;
}

function checkedNames(names: readonly string[], tool: string, option: string): readonly string[] {
  if (!Array.isArray(names) || names.some((name) => typeof name !== "string" || name === "")) {
    throw new TypeError(`\`${option}\` of \`${tool}\` must be a list of names${option === "params" ? ", or a function" : ""}`);
  }
  if (new Set(names).size !== names.length) throw new TypeError(`\`${option}\` of \`${tool}\` names an argument twice`);
  return [...(names as readonly string[])];
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && (Array.isArray(value) || isPlain(value));
}

/** A view of `original` that is filled with a copy when it is first looked at; the copy, if it was. */
function copyOnRead(original: object): { view: object; look(): object; copy(): object | undefined } {
  const target: object = Array.isArray(original) ? [] : {};
  let filled = false;
  const look = (): object => {
    if (!filled) {
      filled = true;
      fill(target, original, new Map([[original, target]]));
    }
    return target;
  };
  const view = new Proxy(target, {
    get: (_, key) => Reflect.get(look(), key) as unknown,
    has: (_, key) => Reflect.has(look(), key),
    ownKeys: () => Reflect.ownKeys(look()),
    getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(look(), key),
  });
  return { view, look, copy: () => (filled ? target : undefined) };
}

/** Copies lists and plain objects deeply, with each property read once; other values are passed unchanged. */
function fill(target: object, original: object, known: Map<object, object>): void {
  for (const key of Object.keys(original)) {
    const value = (original as Params)[key];
    if (!isContainer(value)) {
      set(target, key, value);
      continue;
    }
    let copy = known.get(value);
    if (copy === undefined) {
      copy = Array.isArray(value) ? [] : {};
      known.set(value, copy);
      fill(copy, value, known);
    }
    set(target, key, copy);
  }
  for (const key of Object.getOwnPropertySymbols(original)) Object.defineProperty(target, key, { value: Reflect.get(original, key), enumerable: true });
  if (Array.isArray(original)) (target as unknown[]).length = original.length;
}

function set(target: object, key: string, value: unknown): void {
  if (key === "__proto__") define(target, key, value);
  else (target as Params)[key] = value;
}

/** Sets a property as a literal does, also one that is called `__proto__`. */
function define(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}
