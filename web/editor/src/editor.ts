// The code editor of the dashboard: CodeMirror, set up for the files of the policy language.
//
// It is mounted in a shadow root, where CodeMirror's styles are adopted style sheets, so that the page's policy needs
// no inline styles. It checks nothing, saves nothing and asks no server: the page does, and tells it what to show.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, toggleTabFocusMode } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, codeFolding, foldGutter, foldKeymap, indentOnInput } from "@codemirror/language";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension, type TransactionSpec } from "@codemirror/state";
import {
  drawSelection,
  dropCursor,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import { completionSource, schemaHover } from "./complete.js";
import { type Diagnostic, diagnostics, showDiagnostics } from "./diagnostics.js";
import { light, lightLines, type Lines } from "./light.js";
import { type RuleMark, rules, showRules } from "./rules.js";
import { scalars } from "./scalars.js";
import { SchemaWalk } from "./schema.js";
import { theme } from "./theme.js";

export type { Diagnostic, Lines, RuleMark };

export interface EditorOptions {
  text: string;
  /** The name of the editor for screen readers. */
  label: string;
  readOnly?: boolean;
  /** The JSON schema of the language, for completion and hover texts; without it there are none. */
  schema?: object;
  /** The user changed the text. It is not called for changes by the page. */
  onChange(text: string): void;
  /** The user pressed Mod-S. */
  onSave?(): void;
  /** The cursor came to another line, counted from 1. */
  onCursor?(line: number): void;
}

export interface Editor {
  /** The text, byte for byte as it was set and edited; line ends are not changed. */
  text(): string;
  /**
   * Replaces the text, and takes away the diagnostics, marks and lights of the old one.
   * It begins a new history, so that undoing never brings another file's text; `undo: true` makes it one step to undo.
   */
  setText(text: string, options?: { undo?: boolean }): void;
  setDiagnostics(list: Diagnostic[]): void;
  setRules(list: RuleMark[]): void;
  light(lines: Lines | null): void;
  /** Puts the cursor on a line and column, both from 1, and scrolls there. */
  goTo(line: number, column: number): void;
  focus(): void;
  setReadOnly(readOnly: boolean): void;
  destroy(): void;
}

/** Makes an editor at the end of `parent` that fills its height. */
export function createEditor(parent: HTMLElement, options: EditorOptions): Editor {
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(":host { display: block; height: 100%; min-height: 0; }");
  root.adoptedStyleSheets = [sheet];
  parent.append(host);

  const [past, writable] = [new Compartment(), new Compartment()];
  let quiet = false;
  let lastLine = 1;

  const listener = EditorView.updateListener.of((update) => {
    if (update.docChanged && !quiet) options.onChange(update.state.doc.toString());
    const line = update.state.doc.lineAt(update.state.selection.main.head).number;
    if (line === lastLine) return;
    lastLine = line;
    options.onCursor?.(line);
  });
  const save = () => {
    options.onSave?.();
    return true;
  };

  const view = new EditorView({
    parent: root,
    root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        keymap.of([{ key: "Mod-s", run: save, preventDefault: true }]),
        past.of(history()),
        writable.of(access(options.readOnly ?? false)),
        setup(options.schema),
        EditorView.contentAttributes.of({
          "aria-label": options.label,
          "aria-multiline": "true",
          spellcheck: "false",
          // It can have the focus anyway; this says so to tools that look for it.
          tabindex: "0",
        }),
        listener,
      ],
    }),
  });
  // Tab leaves the editor, as it leaves every other field, until the user asks for indentation with Ctrl-M.
  view.setTabFocusMode(true);

  /** Applies a change by the page, without notifying the page. */
  function quietly(...specs: TransactionSpec[]): void {
    quiet = true;
    try {
      for (const spec of specs) view.dispatch(spec);
    } finally {
      quiet = false;
    }
  }

  return {
    text: () => view.state.doc.toString(),
    setText(text, { undo = false } = {}) {
      const { doc, selection } = view.state;
      if (!undo) quietly({ effects: past.reconfigure([]) });
      if (text !== doc.toString()) {
        const insert = view.state.toText(text);
        const anchor = Math.min(selection.main.head, insert.length);
        // The findings shown so far do not apply to the new text.
        quietly({ changes: { from: 0, to: doc.length, insert }, selection: { anchor } });
        quietly(showDiagnostics(view.state, []), showRules(view.state, []), lightLines(view.state, null));
      }
      if (!undo) quietly({ effects: past.reconfigure(history()) });
    },
    setDiagnostics: (list) => quietly(showDiagnostics(view.state, list)),
    setRules: (list) => quietly(showRules(view.state, list)),
    light: (lines) => quietly(lightLines(view.state, lines)),
    goTo(line, column) {
      const { doc } = view.state;
      const place = doc.line(Math.min(Math.max(Math.trunc(line), 1), doc.lines));
      const anchor = Math.min(place.from + Math.max(Math.trunc(column) - 1, 0), place.to);
      view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: "center" }) });
    },
    focus: () => view.focus(),
    setReadOnly: (readOnly) => quietly({ effects: writable.reconfigure(access(readOnly)) }),
    destroy() {
      view.destroy();
      host.remove();
    },
  };
}

/** A text that may not be changed can still be read, searched and copied with the keyboard. */
function access(readOnly: boolean): Extension {
  if (!readOnly) return [];
  return [EditorState.readOnly.of(true), EditorView.contentAttributes.of({ "aria-readonly": "true" })];
}

/** The extensions of every editor, whatever its content. */
function setup(schema: object | undefined): Extension {
  const walk = schema === undefined ? null : new SchemaWalk(schema);
  return [
    // Only a line feed ends a line here, so that offsets and the text are the page's own whatever ends its lines.
    EditorState.lineSeparator.of("\n"),
    EditorView.clipboardInputFilter.of((text) => text.replaceAll("\r\n", "\n")),
    highlightSpecialChars({ render: special }),
    diagnostics(),
    rules(),
    lineNumbers(),
    highlightActiveLineGutter(),
    foldGutter(),
    codeFolding(),
    drawSelection({ cursorBlinkRate: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 1200 }),
    dropCursor(),
    EditorState.allowMultipleSelections.of(true),
    EditorState.tabSize.of(2),
    rectangularSelection(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false, override: walk === null ? [] : [completionSource(walk)] }),
    walk === null ? [] : schemaHover(walk),
    highlightActiveLine(),
    highlightSelectionMatches(),
    search({ top: true }),
    light(),
    yaml(),
    scalars(),
    theme(),
    keymap.of([
      { key: "Ctrl-m", mac: "Shift-Alt-m", run: switchTab },
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...completionKeymap,
      indentWithTab,
    ]),
  ];
}

/** A carriage return is the first half of a line end and shows as nothing; what else cannot be seen shows as a dot. */
function special(code: number, description: string | null, placeholder: string): HTMLElement {
  const shown = document.createElement("span");
  if (code === 13) return shown;
  shown.className = "cm-specialChar";
  shown.textContent = placeholder;
  shown.title = description ?? `control character ${code}`;
  shown.setAttribute("aria-label", shown.title);
  return shown;
}

/** Makes Tab indent, or leave again. While it indents, Escape and then Tab leave. */
function switchTab(view: EditorView): boolean {
  toggleTabFocusMode(view);
  // The mode cannot be read back, so it is stored with its view.
  const indents = !indenting.has(view);
  if (indents) indenting.add(view);
  else indenting.delete(view);
  const said = indents ? "Tab indents; Escape and then Tab leaves the editor" : "Tab leaves the editor";
  view.dispatch({ effects: EditorView.announce.of(said) });
  return true;
}

const indenting = new WeakSet<EditorView>();
