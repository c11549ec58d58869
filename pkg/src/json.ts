// Converts a JavaScript value to JSON, strictly: a value without an exact JSON form is refused with its path, and never
// omitted or changed. `JSON.stringify` drops functions, writes `NaN` as null and calls `toJSON`, so the tool would run
// with other values than the decided ones. Each property is read once. This file knows nothing of actions.

/** How deep objects and lists may nest, the outermost counted. */
export const MAX_DEPTH = 64;
/** The most bytes of one document: 1 MiB. */
export const MAX_BYTES = 1024 * 1024;

/** A value without an exact JSON form, and its path. */
export class NotJson extends Error {
  override name = "NotJson";
}

const PLAIN = /^[^\u0000-\u001f"\\\ud800-\udfff]*$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether `text` holds half of a surrogate pair, which no UTF-8 can carry. */
export function hasLoneSurrogate(text: string): boolean {
  return LONE_SURROGATE.test(text);
}

/**
 * The JSON text of `value`, which is called `name` in messages.
 *
 * Properties that are `undefined` are omitted, as JSON does; in a list, `undefined` is refused. If `value` is an object,
 * `head` is the text before its own members: an object without its closing brace.
 *
 * @throws {@link NotJson} with the path to what cannot be written.
 */
export function stringify(value: unknown, name: string, head = ""): string {
  return new Writer(name).whole(value, head);
}

/** Keys come again and again, and are looked at once. */
const keys = new Map<string, string>();
const MAX_KEYS = 1000;
const MAX_KEY_LENGTH = 64;

class Writer {
  readonly #path: (string | number)[];
  readonly #above: object[] = [];
  #length = 0;

  constructor(name: string) {
    this.#path = [name];
  }

  whole(value: unknown, head: string): string {
    if (head === "") return this.write(value);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotJson("it is no object");
    this.#count(head.length);
    return this.#container(value, head);
  }

  write(value: unknown): string {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        return this.#number(value);
      case "boolean":
        return value ? "true" : "false";
      case "object":
        if (value === null) return "null";
        return this.#container(value, "");
      case "undefined":
        return this.#refuse("is `undefined`, which has no JSON form");
      case "bigint":
        return this.#refuse("is a BigInt, which has no JSON form; use a number or a string");
      case "function":
        return this.#refuse("is a function, which has no JSON form");
      case "symbol":
        return this.#refuse("is a symbol, which has no JSON form");
    }
  }

  #container(value: object, head: string): string {
    if (this.#above.length >= MAX_DEPTH) {
      if (this.#above.includes(value)) this.#refuse("contains itself");
      throw new NotJson(`\`${String(this.#path[0])}\` nests deeper than ${MAX_DEPTH} levels`);
    }
    this.#above.push(value);
    const text = Array.isArray(value) ? this.#list(value) : this.#object(value, head);
    this.#above.pop();
    return text;
  }

  #object(value: object, head: string): string {
    if (!isPlain(value)) this.#refuse(`is ${described(value)}, which has no JSON form`);
    if (Object.getOwnPropertySymbols(value).length > 0) this.#refuse("has a symbol as a key");
    const path = this.#path;
    const level = path.length;
    let text = head;
    for (const key of Object.keys(value)) {
      path[level] = key;
      const item = (value as Record<string, unknown>)[key];
      if (item === undefined) continue;
      text += (text === "" ? "{" : ",") + this.#key(key) + this.write(item);
    }
    path.length = level;
    this.#count(2);
    return text === "" ? "{}" : `${text}}`;
  }

  #list(value: readonly unknown[]): string {
    const prototype: unknown = Object.getPrototypeOf(value);
    // The prototype of every realm's lists is a list itself; the prototype of a subclass is not.
    if (!Array.isArray(prototype)) this.#refuse(`is ${described(value)}, which has no JSON form`);
    const path = this.#path;
    const level = path.length;
    const { length } = value;
    let text = "[";
    for (let index = 0; index < length; index += 1) {
      path[level] = index;
      const item = value[index];
      if (item === undefined) {
        this.#refuse(index in value ? "is `undefined`, which has no JSON form" : "is a hole in a list");
      }
      if (index > 0) text += ",";
      text += this.write(item);
      this.#count(1);
    }
    path.length = level;
    this.#count(2);
    return `${text}]`;
  }

  /** A key in quotes, and its colon. */
  #key(key: string): string {
    const known = keys.get(key);
    if (known !== undefined) {
      this.#count(known.length + 1);
      return known;
    }
    const text = `${this.#text(key)}:`;
    this.#count(2);
    if (keys.size < MAX_KEYS && key.length <= MAX_KEY_LENGTH) keys.set(key, text);
    return text;
  }

  #text(text: string): string {
    this.#count(text.length + 2);
    if (PLAIN.test(text)) return `"${text}"`;
    if (hasLoneSurrogate(text)) this.#refuse("holds half of a surrogate pair, which is no text");
    return JSON.stringify(text);
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) this.#refuse(`is \`${value}\`, which is no JSON number`);
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      this.#refuse("is an integer over 2^53 - 1, so readers would disagree about it");
    }
    this.#count(1);
    return String(value);
  }

  /** Counts the written bytes, so that a value whose parts are shared many times over ends soon. */
  #count(characters: number): void {
    this.#length += characters;
    if (this.#length > MAX_BYTES) {
      throw new NotJson(`\`${String(this.#path[0])}\` has more than ${MAX_BYTES} bytes`);
    }
  }

  #refuse(why: string): never {
    const [name, ...place] = this.#path;
    throw new NotJson(`\`${place.length === 0 ? String(name) : place.join(".")}\` ${why}`);
  }
}

/** Whether `value` is an object as literals make it, in this realm or another. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return (
    typeof prototype === "object" && Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf")
  );
}

function described(value: object): string {
  const { constructor } = value as { constructor?: unknown };
  const name = typeof constructor === "function" && constructor.name !== "Object" ? constructor.name : "";
  return name === "" ? "an object of a class" : `a \`${name}\``;
}

/** The RFC 8785 form of JSON that was read: keys in the order of their UTF-16 code units. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.keys(value).sort();
    return `{${entries.map((key) => `${JSON.stringify(key)}:${canonical((value as Record<string, unknown>)[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
