// Reads the parameters in a function's source text: their number, and which of them have a default. A default applies
// when an argument is omitted, where no policy can see it; `length` reveals some of them, but not those inside a
// pattern. It reads the parameters and nothing after them.

/** The parameters of a function. */
export interface Signature {
  /** How many are written, a rest parameter not counted. */
  readonly count: number;
  /** Whether the last one takes all further arguments. */
  readonly rest: boolean;
  /** For each parameter the places inside of it that have a default; null for a pattern that cannot be followed. */
  readonly defaults: readonly (readonly Path[] | null)[];
}

/** A place inside of an argument: its keys, from the outside in. */
export type Path = readonly string[];

/** Whether `fn` is a class, which cannot be called. */
export function isClass(fn: object): boolean {
  return /^class\b/.test(source(fn));
}

/** The parameters of `fn`; null where it has no source text, as what `bind` makes. */
export function signatureOf(fn: object): Signature | null {
  const text = source(fn);
  if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) return null;
  try {
    const lone = /^(?:async\s+)?([\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*)\s*=>/u.exec(text);
    if (lone !== null) return { count: 1, rest: false, defaults: [[]] };
    const written = split(inside(text, opening(text)), ",");
    const rest = written.at(-1)?.startsWith("...") === true;
    const parameters = rest ? written.slice(0, -1) : written;
    if (rest) withoutDefaults(written.at(-1) as string);
    return { count: parameters.length, rest, defaults: parameters.map(defaultsOf) };
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

/** Whether a default of the function would come into play: the value at `path` of `value` is missing. */
export function isLeftOut(value: unknown, path: Path): boolean {
  let found = value;
  for (const key of path) {
    // Where there is nothing to look into, the function fails before it does anything.
    if (found === undefined || found === null) return false;
    found = (found as Record<string, unknown>)[key];
  }
  return found === undefined;
}

class Unreadable extends Error {}

function source(fn: object): string {
  return Function.prototype.toString.call(fn);
}

/** The places in one parameter that have a default. */
function defaultsOf(parameter: string): readonly Path[] | null {
  try {
    return defaultsIn(parameter, []);
  } catch (error) {
    if (error instanceof Unreadable) return null;
    throw error;
  }
}

function defaultsIn(written: string, above: Path): Path[] {
  const [target = "", ...more] = split(written, "=");
  const own = more.length > 0 ? [above] : [];
  if (target.startsWith("{")) return [...own, ...split(inside(target, 0), ",").flatMap((member) => defaultsInMember(member, above))];
  if (target.startsWith("[")) {
    return [...own, ...split(inside(target, 0), ",").flatMap((member, index) => (member.startsWith("...") ? withoutDefaults(member) : defaultsIn(member, [...above, String(index)])))];
  }
  return own;
}

/** Checks the rest of a list: a default in a pattern after its dots has a position that is not followed. */
function withoutDefaults(rest: string): Path[] {
  const target = rest.replace(/^\.\.\.\s*/, "");
  if (/^[[{]/.test(target) && defaultsIn(target, []).length > 0) throw new Unreadable("a default in the rest of a list");
  return [];
}

function defaultsInMember(member: string, above: Path): Path[] {
  if (member === "" || member.startsWith("...")) return [];
  const [first = "", target] = split(member, ":");
  const [name = "", initial] = split(first, "=");
  // A colon behind the `=` belongs to the default: `limit = many ? 100 : 10`.
  const isShort = target === undefined || initial !== undefined;
  const key = /^(["'])(.*)\1$/s.exec(name)?.[2] ?? name;
  if (key.includes("\\") || key.startsWith("[")) throw new Unreadable("a key that is computed");
  if (/^\d/.test(key) && String(Number(key)) !== key) throw new Unreadable("a number in another spelling than its key has");
  return defaultsIn(isShort ? member : target, [...above, key]);
}

/** Where the list of parameters begins: behind a name, which may be a computed one. */
function opening(text: string): number {
  for (let at = 0; at < text.length; at = next(text, at)) {
    if (text[at] === "(") return at;
    if (text[at] === "[") at += inside(text, at).length + 1;
  }
  throw new Unreadable("no parameters");
}

/** The text between the bracket at `from` and its closing bracket. */
function inside(text: string, from: number): string {
  let depth = 0;
  for (let at = from; at < text.length; at = next(text, at)) {
    if ("([{".includes(text[at] as string)) depth += 1;
    if (")]}".includes(text[at] as string)) depth -= 1;
    if (depth === 0) return text.slice(from + 1, at);
  }
  throw new Unreadable("a bracket that nothing closes");
}

/** The parts of `text` between separators outside of brackets, without the comments around them. */
function split(text: string, separator: "," | ":" | "="): string[] {
  const parts: string[] = [];
  let [depth, part] = [0, ""];
  for (let at = 0; at < text.length; ) {
    const end = next(text, at);
    const piece = text.slice(at, end);
    if ("([{".includes(piece)) depth += 1;
    if (")]}".includes(piece)) depth -= 1;
    // `=>`, `==` and the like occur only after the `=` of a default, which is not scanned further.
    const isLast = separator !== "," && parts.length > 0;
    if (depth === 0 && piece === separator && !isLast) {
      parts.push(part.trim());
      part = "";
    } else if (!/^\/[/*]/.test(piece)) {
      part += piece;
    }
    at = end;
  }
  if (part.trim() !== "" || parts.length > 0) parts.push(part.trim());
  if (separator === "," && parts.at(-1) === "") parts.pop();
  return parts;
}

/** Where the piece that begins at `at` ends: a comment, a text, a template and a regular expression are one piece each. */
function next(text: string, at: number): number {
  const rest = text.slice(at);
  const whole = (pattern: RegExp): number => {
    const found = pattern.exec(rest);
    if (found === null) throw new Unreadable("a text that does not end");
    return at + found[0].length;
  };
  switch (rest[0]) {
    case '"':
      return whole(/^"(?:[^"\\]|\\.)*"/s);
    case "'":
      return whole(/^'(?:[^'\\]|\\.)*'/s);
    case "`":
      return template(text, at);
    case "/":
      if (rest[1] === "/") return whole(/^\/\/[^\n\r\u2028\u2029]*/);
      if (rest[1] === "*") return whole(/^\/\*.*?\*\//s);
      // Behind a value it divides; behind anything else, a word of the language too, it begins a regular expression.
      if (!/(?<![\p{ID_Continue}$.])(?:await|delete|in|instanceof|new|of|typeof|void|yield)\s*$/u.test(text.slice(0, at)) && /[\p{ID_Continue}$)\]}"'`]\s*$/u.test(text.slice(0, at))) return at + 1;
      return whole(/^\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//);
    default:
      return at + 1;
  }
}

function template(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") return at + 1;
    else if (text[at] === "$" && text[at + 1] === "{") at += inside(text, at + 1).length + 2;
  }
  throw new Unreadable("a template that does not end");
}
