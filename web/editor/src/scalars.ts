// Colours the plain values that are not texts. YAML readers disagree about which those are, and the policy language
// has fixed rules, so the colour shows before anything is saved that `yes` is a text and `true` is not.

import { syntaxTree } from "@codemirror/language";
import { type Extension, RangeSetBuilder } from "@codemirror/state";
import { Decoration, type DecorationSet, type EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

const NO_TEXT = /^(?:true|True|TRUE|false|False|FALSE|null|Null|NULL|~|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|0x[\da-fA-F]+|0o[0-7]+)$/;
/** No value that is not a text is longer. */
const LONGEST = 40;
const mark = Decoration.mark({ class: "cm-scalar" });

function marked(view: EditorView): DecorationSet {
  const set = new RangeSetBuilder<Decoration>();
  const tree = syntaxTree(view.state);
  for (const { from, to } of view.visibleRanges) {
    tree.iterate({
      from,
      to,
      enter(node) {
        if (node.name === "Key") return false;
        if (node.name !== "Literal" || node.to - node.from > LONGEST) return true;
        if (NO_TEXT.test(view.state.sliceDoc(node.from, node.to))) set.add(node.from, node.to, mark);
        return false;
      },
    });
  }
  return set.finish();
}

/** Updates the colours of the visible part. */
export function scalars(): Extension {
  return ViewPlugin.fromClass(
    class {
      decorations: DecorationSet;

      constructor(view: EditorView) {
        this.decorations = marked(view);
      }

      update({ view, docChanged, viewportChanged, startState, state }: ViewUpdate): void {
        if (docChanged || viewportChanged || syntaxTree(startState) !== syntaxTree(state)) this.decorations = marked(view);
      }
    },
    { decorations: ({ decorations }) => decorations },
  );
}
