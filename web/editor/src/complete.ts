// Completion and hover texts of the editor, from the schema. suggest.ts finds the possible keys and values.

import {
  type Completion,
  type CompletionContext,
  type CompletionResult,
  type CompletionSource,
  pickedCompletion,
  startCompletion,
} from "@codemirror/autocomplete";
import type { Text } from "@codemirror/state";
import { type EditorView, hoverTooltip, type Tooltip } from "@codemirror/view";
import { aboutKey, aboutValue } from "./about.js";
import { type Node, outline } from "./outline.js";
import { placeAt } from "./place.js";
import type { SchemaWalk } from "./schema.js";
import { type Suggestion, type Suggestions, suggest } from "./suggest.js";

interface Read {
  text: string;
  root: Node | null;
}

/** The outlines of documents that are still in use. */
const known = new WeakMap<Text, Read>();

function read(doc: Text): Read {
  let found = known.get(doc);
  if (found === undefined) {
    const text = doc.toString();
    found = { text, root: outline(text) };
    known.set(doc, found);
  }
  return found;
}

/** Suggests keys and values. */
export function completionSource(walk: SchemaWalk): CompletionSource {
  return ({ state, pos, explicit }: CompletionContext): CompletionResult | null => {
    const { text, root } = read(state.doc);
    const found = suggest(walk, text, root, pos);
    if (found === null || found.list.length === 0) return null;
    if (!explicit && !isWelcome(found, text, pos)) return null;
    const { from, to, list } = found;
    return { from, to, options: list.map((suggestion, index) => option(suggestion, index)) };
  };
}

/** Whether to suggest without being asked: where something was typed, or where one of a few things must follow. */
function isWelcome({ typed, place, list }: Suggestions, text: string, pos: number): boolean {
  if (typed !== "") {
    // A complete word needs no suggestion, and Enter should end its line.
    const longer = list.some(({ label }) => label !== typed && label.startsWith(typed));
    return place.kind === "key" || longer || !list.some(({ label }) => label === typed);
  }
  const before = text[pos - 1];
  if (place.kind === "key") return place.mapping.flow && before === " " && /[{,] +$/.test(text.slice(Math.max(pos - 40, 0), pos));
  if (place.column !== null && text.slice(0, pos).endsWith("- ")) return true;
  return (before === " " || before === '"' || before === "'") && list.some(({ kind }) => kind === "value" || kind === "name");
}

function option(suggestion: Suggestion, index: number): Completion {
  const { label, kind, detail, insert, cursor, again, about, description } = suggestion;
  const panel = () => (about !== null ? aboutKey(label, about) : description !== null ? aboutValue(label, description) : null);
  return {
    label,
    detail,
    type: kind,
    // The order of the list is kept among those that fit equally well.
    boost: Math.max(99 - index, -99),
    info: panel,
    apply(view: EditorView, completion: Completion, from: number, to: number) {
      view.dispatch({
        changes: { from, to, insert },
        selection: { anchor: from + cursor },
        annotations: pickedCompletion.of(completion),
        userEvent: "input.complete",
        scrollIntoView: true,
      });
      if (again) startCompletion(view);
    },
  };
}

/** Says what a key is under the pointer, and what a value means that is one of a few. */
export function schemaHover(walk: SchemaWalk) {
  return hoverTooltip((view, pos): Tooltip | null => {
    const { text, root } = read(view.state.doc);
    const place = placeAt(text, root, pos);
    const token = place?.kind === "key" ? place.entry?.key : place?.scalar;
    if (place === null || token === null || token === undefined) return null;
    const name = token.text;
    const panel = place.kind === "key" ? aboutKey(name, walk.about(walk.child(walk.at(place.path), name))) : ofValue(name);
    if (panel === null) return null;
    return { pos: token.from, end: token.to, above: true, create: () => ({ dom: panel }) };

    function ofValue(value: string): HTMLElement | null {
      if (place === null) return null;
      const named = walk.values(walk.at(place.path)).find((one) => String(one.value) === value);
      return named?.description ? aboutValue(value, named.description) : null;
    }
  });
}
