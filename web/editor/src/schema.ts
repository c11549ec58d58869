// Walks a JSON schema (2020-12) along the path of a place in a document: the possible keys and values, and their
// descriptions. It validates nothing; if several branches are possible it returns the offers of all.

import type { Path } from "./place.js";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Schema = { [key: string]: Json };

/** The schema's description of a key or a value. */
export interface About {
  title: string | null;
  description: string | null;
  /** The kinds of values, in the words of the policy language; empty if any. */
  kinds: string[];
  /** The values, if only some are possible. */
  values: Json[];
  standard: Json | undefined;
}

/** A possible key of a mapping. */
export interface Key {
  name: string;
  required: boolean;
  about: About;
  schemas: Schemas;
}

/** The end of a key that begins with anything, such as `_gt`. */
export interface Ending {
  ending: string;
  about: About;
  schemas: Schemas;
}

export interface Value {
  value: Json;
  description: string | null;
}

/** The schemas that may apply to one place. */
export type Schemas = readonly Schema[];

const KINDS: Record<string, string> = {
  string: "text",
  number: "number",
  integer: "whole number",
  boolean: "true or false",
  array: "list",
  object: "mapping",
  null: "null",
};

const isObject = (value: Json | undefined): value is Schema => {
  return typeof value === "object" && value !== null && !Array.isArray(value);
};
const objects = (value: Json | undefined): Schema[] => (Array.isArray(value) ? value.filter(isObject) : []);
const texts = (value: Json | undefined): string[] => {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
};

export class SchemaWalk {
  readonly #root: Schema;
  readonly #patterns = new Map<string, RegExp | null>();

  constructor(schema: object) {
    this.#root = schema as Schema;
  }

  /** The schemas of what `path` leads to. */
  at(path: Path): Schemas {
    let schemas: Schemas = [this.#root];
    for (const step of path) schemas = typeof step === "number" ? this.item(schemas, step) : this.child(schemas, step);
    return schemas;
  }

  /** The schemas of the value of a key. */
  child(schemas: Schemas, key: string): Schemas {
    return this.#all(schemas).flatMap((schema) => {
      const { properties, patternProperties, additionalProperties } = schema;
      const own = isObject(properties) && Object.hasOwn(properties, key) ? [properties[key]] : [];
      const byPattern = isObject(patternProperties)
        ? Object.entries(patternProperties).filter(([pattern]) => this.#matches(pattern, key))
        : [];
      const found = [...own, ...byPattern.map(([, one]) => one)];
      return (found.length > 0 ? found : [additionalProperties]).filter(isObject);
    });
  }

  /** The schemas of an element of a list. */
  item(schemas: Schemas, index: number): Schemas {
    return this.#all(schemas).flatMap(({ prefixItems, items }) => {
      const one = Array.isArray(prefixItems) && index < prefixItems.length ? prefixItems[index] : items;
      return isObject(one) ? [one] : [];
    });
  }

  /** The keys that may be added to a mapping with the keys `present`. */
  keys(schemas: Schemas, present: ReadonlySet<string>): Key[] {
    const all = this.#all(schemas);
    const hidden = new Set([...present, ...all.flatMap((schema) => excluded(schema, present))]);
    const required = new Set(all.flatMap((schema) => wanted(schema, present)));
    const keys = new Map<string, Key>();
    for (const { properties } of all) {
      if (!isObject(properties)) continue;
      for (const [name, schema] of Object.entries(properties)) {
        if (!isObject(schema) || hidden.has(name)) continue;
        const together = [...(keys.get(name)?.schemas ?? []), schema];
        keys.set(name, { name, required: required.has(name), about: this.about(together), schemas: together });
      }
    }
    return [...keys.values()];
  }

  /** How keys may end that are not named one by one. */
  endings(schemas: Schemas): Ending[] {
    return this.#all(schemas).flatMap(({ patternProperties }) => {
      if (!isObject(patternProperties)) return [];
      return Object.entries(patternProperties).flatMap(([pattern, schema]) => {
        const ending = /[^\\](_[a-z_]+)\$$/.exec(pattern)?.[1];
        if (ending === undefined || !isObject(schema)) return [];
        return [{ ending, about: this.about([schema]), schemas: [schema] }];
      });
    });
  }

  /** Whether a mapping may have keys that the schema does not name, each with a schema of its own. */
  isOpen(schemas: Schemas): boolean {
    return this.#all(schemas).some(({ additionalProperties }) => isObject(additionalProperties));
  }

  /** The values that are named one by one. */
  values(schemas: Schemas): Value[] {
    const values = new Map<string, Value>();
    for (const schema of this.#all(schemas)) {
      const description = typeof schema["description"] === "string" ? schema["description"] : null;
      const named = "const" in schema ? [schema["const"] as Json] : Array.isArray(schema["enum"]) ? schema["enum"] : [];
      const both = schema["type"] === "boolean" && named.length === 0 ? [true, false] : [];
      // A description of one value applies to that value only; a description of many applies to their key.
      const said = "const" in schema ? description : null;
      for (const value of [...named, ...both]) {
        const key = JSON.stringify(value);
        if (!values.has(key)) values.set(key, { value, description: said });
      }
    }
    return [...values.values()];
  }

  /** Values that are possible among others. */
  examples(schemas: Schemas): Json[] {
    return this.#all(schemas).flatMap(({ examples }) => (Array.isArray(examples) ? examples : []));
  }

  /** The possible types of values here, in the words of JSON schema; empty if any. */
  types(schemas: Schemas): Set<string> {
    const types = new Set<string>();
    for (const schema of this.#all(schemas)) {
      const { type } = schema;
      if (typeof type === "string") types.add(type);
      for (const one of texts(type)) types.add(one);
      const named = "const" in schema ? [schema["const"] as Json] : Array.isArray(schema["enum"]) ? schema["enum"] : [];
      for (const value of named) types.add(value === null ? "null" : Array.isArray(value) ? "array" : typeof value);
      if (type === undefined && isObject(schema["properties"])) types.add("object");
    }
    return types;
  }

  about(schemas: Schemas): About {
    const own = this.#all(schemas, false);
    const first = (name: string) => own.map((schema) => schema[name]).find((text) => typeof text === "string");
    const values = this.values(schemas).map(({ value }) => value);
    const types = this.types(schemas);
    const isNamed = values.length > 0 && ![...types].some((type) => type === "object" || type === "array");
    return {
      title: (first("title") as string | undefined) ?? null,
      description: (first("description") as string | undefined) ?? null,
      kinds: isNamed ? [] : [...types].map((type) => KINDS[type] ?? type),
      values: isNamed ? values : [],
      standard: own.map((schema) => schema["default"]).find((value) => value !== undefined),
    };
  }

  /** These schemas and all that they refer to; with `branches` also those of which only one may hold. */
  #all(schemas: Schemas, branches = true): Schema[] {
    const seen = new Set<Schema>();
    const visit = (schema: Schema | undefined) => {
      if (schema === undefined || seen.has(schema)) return;
      seen.add(schema);
      const { $ref, allOf, anyOf, oneOf } = schema;
      if (typeof $ref === "string") visit(this.#named($ref));
      objects(allOf).forEach(visit);
      if (!branches) return;
      [...objects(anyOf), ...objects(oneOf)].forEach(visit);
      for (const part of ["if", "then", "else"]) {
        const one = schema[part];
        if (isObject(one)) visit(one);
      }
    };
    schemas.forEach(visit);
    return [...seen];
  }

  /** The target of a reference inside the schema. */
  #named(reference: string): Schema | undefined {
    if (!reference.startsWith("#")) return undefined;
    let found: Json | undefined = this.#root;
    for (const part of decodeURIComponent(reference.slice(1)).split("/").slice(1)) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
      found = isObject(found) && Object.hasOwn(found, name) ? found[name] : Array.isArray(found) ? found[Number(name)] : undefined;
    }
    return isObject(found) ? found : undefined;
  }

  #matches(pattern: string, key: string): boolean {
    let regex = this.#patterns.get(pattern);
    if (regex === undefined) {
      try {
        regex = new RegExp(pattern, "u");
      } catch {
        regex = null;
      }
      this.#patterns.set(pattern, regex);
    }
    return regex?.test(key) ?? false;
  }
}

/** The groups of keys of which exactly one group must be there. */
function choices({ oneOf }: Schema): string[][] {
  const groups = objects(oneOf).map((branch) => (Object.keys(branch).length === 1 ? texts(branch["required"]) : []));
  return groups.every((group) => group.length > 0) ? groups : [];
}

/** The keys that must not join those that are there. */
function excluded(schema: Schema, present: ReadonlySet<string>): string[] {
  const groups = choices(schema);
  const chosen = groups.find((group) => group.every((key) => present.has(key)));
  const others = chosen === undefined ? [] : groups.flat().filter((key) => !chosen.includes(key));
  const { not } = schema;
  const never = isObject(not) ? texts(not["required"]) : [];
  const missing = never.filter((key) => !present.has(key));
  return missing.length === 1 && never.length > 1 ? [...others, ...missing] : others;
}

/** The keys that must still join those that are there, or one of which must. */
function wanted(schema: Schema, present: ReadonlySet<string>): string[] {
  const { required, dependentRequired } = schema;
  const groups = choices(schema);
  const chosen = groups.some((group) => group.every((key) => present.has(key)));
  const following = isObject(dependentRequired)
    ? Object.entries(dependentRequired).flatMap(([key, keys]) => (present.has(key) ? texts(keys) : []))
    : [];
  return [...texts(required), ...following, ...(chosen ? [] : groups.flat())];
}
