// Diagnostics of the page, drawn into the text: underlines, signs next to the lines, hover texts, and the list.
// It finds none itself; only the engine reports faults in a policy.

import { type Diagnostic as Drawn, forEachDiagnostic, lintGutter, lintKeymap, nextDiagnostic, previousDiagnostic, setDiagnostics } from "@codemirror/lint";
import type { EditorState, Extension, TransactionSpec } from "@codemirror/state";
import { type Command, EditorView, keymap } from "@codemirror/view";
import { element, inline } from "./prose.js";

/** The engine's finding about a range of the text, with UTF-16 offsets. */
export interface Diagnostic {
  from: number;
  to: number;
  severity: "error" | "warning" | "info";
  code: string;
  message: string;
  help?: string | null;
}

/** The transaction that shows these diagnostics in place of the ones shown so far. */
export function showDiagnostics(state: EditorState, list: readonly Diagnostic[]): TransactionSpec {
  const end = state.doc.length;
  // The text may have changed since the engine saw it, so an offset may lie behind its end.
  const within = (offset: number) => Math.min(Math.max(Math.trunc(offset), 0), end);
  const drawn = list.map((diagnostic): Drawn => {
    const [from, to] = [within(diagnostic.from), within(diagnostic.to)];
    const { severity, code, message, help } = diagnostic;
    return {
      from,
      to: Math.max(from, to),
      severity,
      source: code,
      message: help == null ? message : `${message}\nhelp: ${help}`,
      renderMessage: () => rendered(diagnostic),
    };
  });
  drawn.sort((one, other) => one.from - other.from || one.to - other.to);
  return setDiagnostics(state, drawn);
}

function rendered({ severity, message, help }: Diagnostic): HTMLElement {
  const first = element("div", "", element("span", `cm-severity cm-severity-${severity}`, severity), ": ", ...inline(message));
  if (help == null) return first;
  return element("div", "", first, element("div", "cm-help", "help: ", ...inline(help)));
}

/** Moves as `command` does, and lets screen readers say where to. */
function spoken(command: Command): Command {
  return (view) => {
    if (!command(view)) return false;
    const { from, to } = view.state.selection.main;
    const said = [`line ${view.state.doc.lineAt(from).number}`];
    forEachDiagnostic(view.state, ({ severity, message }, start, end) => {
      if (start <= to && end >= from) said.push(`${severity}: ${message}`);
    });
    view.dispatch({ effects: EditorView.announce.of(said.join(". ")) });
    return true;
  };
}

/** Draws diagnostics, with F8 and Shift-F8 to walk through them and Mod-Shift-M for the list. */
export function diagnostics(): Extension {
  return [
    lintGutter(),
    keymap.of([{ key: "F8", run: spoken(nextDiagnostic), shift: spoken(previousDiagnostic) }, ...lintKeymap]),
  ];
}
