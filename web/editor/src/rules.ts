// A gutter that tells which rules the page's tests and recorded decisions reach.
// It counts nothing itself: the page decides the samples and says what reached what.

import { type EditorState, type Extension, RangeSet, StateEffect, StateField, type TransactionSpec } from "@codemirror/state";
import { gutter, GutterMarker } from "@codemirror/view";

/** A rule by the line on which it begins (from 1), and what reaches it. */
export interface RuleMark {
  line: number;
  id: string;
  reached: "none" | "samples" | "recorded" | "both";
}

const SAID: Record<RuleMark["reached"], string> = {
  none: "reached by no sample and by no recorded action",
  samples: "reached by samples",
  recorded: "reached by recorded actions",
  both: "reached by samples and by recorded actions",
};

class Mark extends GutterMarker {
  constructor(
    readonly id: string,
    readonly reached: RuleMark["reached"],
  ) {
    super();
  }

  override eq(other: GutterMarker): boolean {
    return other instanceof Mark && other.id === this.id && other.reached === this.reached;
  }

  override toDOM(): Node {
    const sign = document.createElement("span");
    sign.className = `cm-rule cm-rule-${this.reached}`;
    sign.title = `rule ${this.id}: ${SAID[this.reached]}`;
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", sign.title);
    return sign;
  }
}

const replaceMarks = StateEffect.define<RangeSet<GutterMarker>>();

const marks = StateField.define<RangeSet<GutterMarker>>({
  create: () => RangeSet.empty,
  update(set, transaction) {
    for (const effect of transaction.effects) if (effect.is(replaceMarks)) return effect.value;
    return transaction.docChanged ? set.map(transaction.changes) : set;
  },
});

/** The transaction that shows these marks in place of the ones shown so far. */
export function showRules(state: EditorState, list: readonly RuleMark[]): TransactionSpec {
  const inText = list.filter(({ line }) => Number.isInteger(line) && line >= 1 && line <= state.doc.lines);
  const ranges = inText.map(({ line, id, reached }) => new Mark(id, reached).range(state.doc.line(line).from));
  return { effects: replaceMarks.of(RangeSet.of(ranges, true)) };
}

/** The gutter. */
export function rules(): Extension {
  return [marks, gutter({ class: "cm-rules", markers: (view) => view.state.field(marks) })];
}
