// Lights lines up, such as the rule that decided a chosen sample. The selection and the text stay as they are.

import { type EditorState, type Extension, StateEffect, StateField, type TransactionSpec } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";

/** Lines from the first to the last, both included, counted from 1. */
export interface Lines {
  from: number;
  to: number;
}

const lit = Decoration.line({ class: "cm-lit" });
const relight = StateEffect.define<DecorationSet>();

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(set, transaction) {
    for (const effect of transaction.effects) if (effect.is(relight)) return effect.value;
    return transaction.docChanged ? set.map(transaction.changes) : set;
  },
  provide: (set) => EditorView.decorations.from(set),
});

/** The transaction that lights these lines in place of others and scrolls to them, or puts all lights out. */
export function lightLines(state: EditorState, lines: Lines | null | undefined): TransactionSpec {
  if (lines == null) return { effects: relight.of(Decoration.none) };
  const within = (line: number) => Math.min(Math.max(Math.trunc(line), 1), state.doc.lines);
  const [first, last] = [within(lines.from), within(Math.max(lines.from, lines.to))];
  const starts = Array.from({ length: last - first + 1 }, (_, index) => state.doc.line(first + index).from);
  const set = Decoration.set(starts.map((start) => lit.range(start)));
  return { effects: [relight.of(set), EditorView.scrollIntoView(state.doc.line(first).from, { y: "center" })] };
}

/** Keeps and draws the lit lines. */
export function light(): Extension {
  return field;
}
