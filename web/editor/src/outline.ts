// Reads YAML into an outline with the position of everything, however broken the text is.
//
// It is for completion and hover texts, so it gives an answer for half-typed keys, unclosed brackets and lines that are
// indented too deep, and it reports no error. Only the engine knows the meaning of a policy and its faults. Indentation
// decides: a line that is not indented deeper than a key ends everything that the key left open.

/** A key, or a value that holds no others. */
export interface Scalar {
  kind: "scalar";
  style: "plain" | "single" | "double" | "block";
  /** Its text, without quotation marks. */
  text: string;
  from: number;
  to: number;
}

export interface Entry {
  key: Scalar;
  /** Where the colon is, if it is there yet. */
  colon: number | null;
  value: Node | null;
}

export interface Mapping {
  kind: "mapping";
  flow: boolean;
  /** The column of the keys; used in block style only. */
  column: number;
  entries: Entry[];
  from: number;
  to: number;
  closed: boolean;
}

export interface Item {
  from: number;
  value: Node | null;
}

export interface List {
  kind: "list";
  flow: boolean;
  column: number;
  items: Item[];
  from: number;
  to: number;
  closed: boolean;
}

export type Node = Scalar | Mapping | List;

/** Nothing deeper is looked at, so that no text can exhaust the stack. */
const DEEPEST = 100;

const isBlank = (char: string) => char === " " || char === "\t" || char === "\r";
const isSpace = (char: string) => char === "" || char === "\n" || isBlank(char);

/** The outline of a text, or null if there is nothing in it. */
export function outline(text: string): Node | null {
  return new Reader(text).document();
}

class Reader {
  #at = 0;
  #lineStart = 0;
  /** Where the last thing that was read ends. */
  #end = 0;
  /** The brackets that would close all open ones, from the outermost. */
  readonly #closers: string[] = [];

  constructor(readonly text: string) {}

  document(): Node | null {
    let root: Node | null = null;
    while (this.#content() >= 0) {
      const before = this.#at;
      const node = this.#block(-1, 0, true);
      // The text after an unreadable line still belongs to the same document.
      if (root?.kind === "mapping" && node.kind === "mapping" && !root.flow && !node.flow) {
        root.entries.push(...node.entries);
        root.to = node.to;
      } else if (root === null || (root.kind === "scalar" && node.kind !== "scalar")) {
        root = node;
      }
      if (this.#at === before) this.#toLineEnd();
    }
    return root;
  }

  #char(ahead = 0): string {
    return this.text.charAt(this.#at + ahead);
  }

  /** Goes on to the next thing, over blanks, comments, line ends and the marks of documents; gives its column. */
  #content(): number {
    for (;;) {
      const char = this.#char();
      if (char === "") return -1;
      const column = this.#at - this.#lineStart;
      if (char === "\n") this.#newLine();
      else if (isBlank(char)) this.#at += 1;
      else if (char === "#" && (column === 0 || isSpace(this.#char(-1)))) this.#toLineEnd();
      else if (column === 0 && char === "%") this.#toLineEnd();
      else if (column === 0 && /^(---|\.\.\.)$/.test(this.text.slice(this.#at, this.#at + 3)) && isSpace(this.#char(3))) {
        this.#at += 3;
      } else return column;
    }
  }

  #newLine(): void {
    this.#at += 1;
    this.#lineStart = this.#at;
  }

  #blanks(): void {
    while (this.#char() !== "" && isBlank(this.#char())) this.#at += 1;
  }

  #toLineEnd(): void {
    const end = this.text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.text.length : end;
  }

  /** Whether nothing but a comment is left of the line. */
  #lineIsOver(): boolean {
    this.#blanks();
    const char = this.#char();
    return char === "" || char === "\n" || (char === "#" && isSpace(this.#char(-1)));
  }

  #atDash(): boolean {
    return this.#char() === "-" && isSpace(this.#char(1));
  }

  #atColon(): boolean {
    return this.#char() === ":" && isSpace(this.#char(1));
  }

  /** The node here, under something at the column `parent`; `free` if a mapping or a list may begin here. */
  #block(parent: number, depth: number, free: boolean): Node {
    // Anchors and tags say nothing about where things are.
    while (/[&!]/.test(this.#char())) {
      while (!isSpace(this.#char())) this.#at += 1;
      if (!this.#lineIsOver()) continue;
      const end = this.#at;
      if (this.#content() <= parent) return this.#scalar("plain", end, end);
      free = true;
    }
    const column = this.#at - this.#lineStart;
    const char = this.#char();
    if (depth > DEEPEST) return this.#restOfLine();
    if (free && this.#atDash()) return this.#list(column, depth);
    if (char === "{" || char === "[") {
      const node = this.#flow(parent, depth);
      if (node.closed) this.#toLineEnd();
      return node;
    }
    if (char === "|" || char === ">") return this.#literal(parent);
    if (char === '"' || char === "'") {
      const scalar = this.#quoted(parent);
      this.#blanks();
      if (free && this.#atColon()) return this.#mapping(column, depth, scalar);
      this.#toLineEnd();
      return scalar;
    }
    const scalar = this.#plain(free);
    if (free && this.#atColon()) return this.#mapping(column, depth, scalar);
    return this.#continued(scalar, parent, column, depth, free);
  }

  /** A mapping in block style whose first key has been read. */
  #mapping(column: number, depth: number, first: Scalar): Mapping {
    const made: Mapping = { kind: "mapping", flow: false, column, entries: [], from: first.from, to: first.to, closed: true };
    let key: Scalar | null = first;
    for (;;) {
      if (key !== null) made.entries.push(this.#entry(key, column, depth));
      const next = this.#content();
      if (next < column) break;
      if (this.#atDash()) {
        if (next === column) break;
        this.#toLineEnd();
        key = null;
        continue;
      }
      key = /["']/.test(this.#char()) ? this.#quoted(column) : this.#plain(true);
      if (key.from === key.to) {
        this.#toLineEnd();
        key = null;
      }
    }
    made.to = this.#end;
    return made;
  }

  #entry(key: Scalar, column: number, depth: number): Entry {
    this.#blanks();
    if (!this.#atColon()) {
      this.#toLineEnd();
      return { key, colon: null, value: null };
    }
    const entry: Entry = { key, colon: this.#at, value: null };
    this.#at += 1;
    this.#end = this.#at;
    if (!this.#lineIsOver()) {
      entry.value = this.#block(column, depth + 1, false);
      return entry;
    }
    const next = this.#content();
    if (next > column) entry.value = this.#block(column, depth + 1, true);
    else if (next === column && this.#atDash()) entry.value = this.#list(column, depth + 1);
    return entry;
  }

  #list(column: number, depth: number): List {
    const made: List = { kind: "list", flow: false, column, items: [], from: this.#at, to: this.#at, closed: true };
    for (let next = column; next >= column; next = this.#content()) {
      if (next > column) {
        this.#toLineEnd();
        continue;
      }
      if (!this.#atDash()) break;
      const item: Item = { from: this.#at, value: null };
      made.items.push(item);
      this.#at += 1;
      this.#end = this.#at;
      if (!this.#lineIsOver() || this.#content() > column) item.value = this.#block(column, depth + 1, true);
    }
    made.to = this.#end;
    return made;
  }

  /** A plain text goes on over deeper lines, unless it is a key that is still being typed above others. */
  #continued(first: Scalar, parent: number, column: number, depth: number, free: boolean): Node {
    let { to } = first;
    for (;;) {
      const before = this.#at;
      if (this.#content() <= parent || first.from === first.to) break;
      if (this.#at !== before && this.#at - this.#lineStart === column && free) {
        const [at, end] = [this.#at, this.#end];
        const key = this.#atDash() ? null : this.#plain(true);
        const isKey = key !== null && this.#atColon();
        [this.#at, this.#end] = [at, end];
        if (isKey) {
          [this.#at, this.#lineStart] = [first.to, this.text.lastIndexOf("\n", first.to - 1) + 1];
          return this.#mapping(column, depth, first);
        }
        if (this.#atDash()) break;
      }
      const line = this.#plain(false);
      if (line.from === line.to) this.#toLineEnd();
      to = Math.max(to, line.to);
    }
    this.#end = Math.max(this.#end, to);
    return to === first.to ? first : this.#scalar("plain", first.from, to);
  }

  /** A plain text on this line: up to a comment, or to the colon behind it if it may be a key. */
  #plain(key: boolean): Scalar {
    const from = this.#at;
    let to = from;
    for (let char = this.#char(); char !== "" && char !== "\n"; char = this.#char()) {
      if (key && this.#atColon()) break;
      if (char === "#" && this.#at > from && isSpace(this.#char(-1))) break;
      this.#at += 1;
      if (!isBlank(char)) to = this.#at;
    }
    return this.#scalar("plain", from, to);
  }

  #restOfLine(): Scalar {
    const from = this.#at;
    this.#toLineEnd();
    return this.#scalar("plain", from, this.#at);
  }

  /** A text of several lines after `|` or `>`. */
  #literal(parent: number): Scalar {
    const from = this.#at;
    this.#toLineEnd();
    let to = this.#at;
    while (this.#char() === "\n") {
      const [at, lineStart] = [this.#at, this.#lineStart];
      this.#newLine();
      this.#blanks();
      const isEmpty = this.#char() === "\n" || this.#char() === "";
      if (!isEmpty && this.#at - this.#lineStart <= parent) {
        [this.#at, this.#lineStart] = [at, lineStart];
        break;
      }
      this.#toLineEnd();
      if (!isEmpty) to = this.#at;
    }
    return this.#scalar("block", from, to);
  }

  /** A text in quotation marks. If they are not closed, it ends with the line. */
  #quoted(parent: number): Scalar {
    const from = this.#at;
    const quote = this.#char();
    const style = quote === '"' ? "double" : "single";
    let lineEnd = -1;
    for (this.#at += 1; this.#char() !== ""; this.#at += 1) {
      const char = this.#char();
      if (char === "\n") {
        const lineStart = this.#lineStart;
        lineEnd = this.#at;
        this.#newLine();
        this.#blanks();
        if (this.#at - this.#lineStart <= parent || this.#char() === "") {
          [this.#at, this.#lineStart] = [lineEnd, lineStart];
          return this.#scalar(style, from, lineEnd);
        }
        this.#at -= 1;
      } else if (char === "\\" && quote === '"' && this.#char(1) !== "\n") {
        this.#at += 1;
      } else if (char === quote) {
        if (quote === "'" && this.#char(1) === "'") this.#at += 1;
        else {
          this.#at += 1;
          return this.#scalar(style, from, this.#at);
        }
      }
    }
    this.#at = Math.min(this.#at, this.text.length);
    return this.#scalar(style, from, this.#at);
  }

  #scalar(style: Scalar["style"], from: number, to: number): Scalar {
    this.#end = Math.max(this.#end, to);
    let text = this.text.slice(from, to);
    if (style === "single") text = text.replace(/^'|'$/g, "").replaceAll("''", "'");
    if (style === "double") text = text.replace(/^"|"$/g, "").replace(/\\(["\\/])/g, "$1");
    return { kind: "scalar", style, text, from, to };
  }

  /** Continues inside brackets; returns false if they end because a line is not indented deeper than `parent`. */
  #inFlow(parent: number): boolean {
    for (;;) {
      const char = this.#char();
      if (char === "") return false;
      if (isBlank(char)) this.#at += 1;
      else if (char === "#" && isSpace(this.#char(-1))) this.#toLineEnd();
      else if (char === "\n") {
        const [at, lineStart] = [this.#at, this.#lineStart];
        const next = this.#content();
        if (next > parent || (next >= 0 && /[}\]]/.test(this.#char()))) continue;
        [this.#at, this.#lineStart] = [at, lineStart];
        return false;
      } else return true;
    }
  }

  #flow(parent: number, depth: number): Mapping | List {
    const [from, column] = [this.#at, this.#at - this.#lineStart];
    const isMapping = this.#char() === "{";
    const shared = { flow: true, column, from, to: from, closed: false };
    const made: Mapping | List = isMapping
      ? { kind: "mapping", entries: [], ...shared }
      : { kind: "list", items: [], ...shared };
    const closer = isMapping ? "}" : "]";
    this.#closers.push(closer);
    this.#at += 1;
    while (this.#inFlow(parent)) {
      const char = this.#char();
      const before = this.#at;
      if (char === closer) {
        this.#at += 1;
        made.closed = true;
        break;
      }
      // The bracket of something further out: this one was forgotten.
      if ((char === "}" || char === "]") && this.#closers.includes(char)) break;
      if (/[,:}\]]/.test(char)) this.#at += 1;
      else if (made.kind === "mapping") this.#flowEntry(made, parent, depth);
      else made.items.push({ from: this.#at, value: this.#flowItem(parent, depth) });
      if (this.#at === before) this.#at += 1;
    }
    this.#closers.pop();
    made.to = this.#at;
    this.#end = this.#at;
    return made;
  }

  #flowEntry(made: Mapping, parent: number, depth: number): void {
    const key = this.#flowNode(parent, depth);
    if (key.kind !== "scalar") return;
    const entry: Entry = { key, colon: null, value: null };
    made.entries.push(entry);
    this.#blanks();
    if (this.#char() !== ":") return;
    entry.colon = this.#at;
    this.#at += 1;
    if (this.#inFlow(parent) && !/[,}\]]/.test(this.#char())) entry.value = this.#flowNode(parent, depth);
  }

  /** An element of a list in brackets, which may be a mapping of one key without braces. */
  #flowItem(parent: number, depth: number): Node {
    const value = this.#flowNode(parent, depth);
    this.#blanks();
    if (value.kind !== "scalar" || this.#char() !== ":") return value;
    const { from } = value;
    const entry: Entry = { key: value, colon: this.#at, value: null };
    this.#at += 1;
    if (this.#inFlow(parent) && !/[,}\]]/.test(this.#char())) entry.value = this.#flowNode(parent, depth);
    return { kind: "mapping", flow: true, column: 0, entries: [entry], from, to: this.#at, closed: false };
  }

  #flowNode(parent: number, depth: number): Node {
    while (/[&!]/.test(this.#char())) {
      while (!isSpace(this.#char()) && !/[,}\]]/.test(this.#char())) this.#at += 1;
      this.#blanks();
    }
    const char = this.#char();
    if ((char === "{" || char === "[") && depth < DEEPEST) return this.#flow(parent, depth + 1);
    if (char === '"' || char === "'") return this.#quoted(parent);
    const from = this.#at;
    let to = from;
    // Brackets inside a key, as in `items[].price_gt`, are wrong in YAML here, and the engine will say so.
    for (let next = char; next !== "" && next !== "\n" && !/[,{}[\]]/.test(next); next = this.#char()) {
      if (next === ":" && (isSpace(this.#char(1)) || /[,{}[\]]/.test(this.#char(1)))) break;
      if (next === "#" && this.#at > from && isSpace(this.#char(-1))) break;
      this.#at += 1;
      if (!isBlank(next)) to = this.#at;
    }
    return this.#scalar("plain", from, to);
  }
}
