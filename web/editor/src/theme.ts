// How the editor looks. Every colour is a custom property of the page, which shadow roots inherit, so that light and
// dark follow the page by themselves.

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const faint = (colour: string, percent: number) => `color-mix(in srgb, var(${colour}) ${percent}%, transparent)`;
const border = "1px solid var(--border)";
const ring = { outline: "2px solid var(--accent)", outlineOffset: "1px" };

/** A wave of gradients, since pictures know no custom properties, and text decorations lose their colour in a selection. */
const underline = (colour: string) => {
  const stroke = (angle: number, at: number) => {
    return `linear-gradient(${angle}deg, transparent ${at - 14}%, var(${colour}) ${at}%, transparent ${at + 14}%)`;
  };
  return {
    backgroundImage: [stroke(45, 82), stroke(135, 18), stroke(135, 60), stroke(45, 40)].join(", "),
    backgroundSize: "8px 3px",
    backgroundPosition: "left bottom",
    paddingBottom: "2px",
  };
};

/** A sign of its own shape next to a line, so that severities do not differ by colour alone. */
const sign = (colour: string, shape: string) => ({
  content: "normal",
  width: "10px",
  height: "10px",
  backgroundColor: `var(${colour})`,
  clipPath: shape,
});

const point = (colour: string) => ({ "&:after": { borderBottomColor: `var(${colour})` } });

const look = EditorView.theme({
  "&": { height: "100%", color: "var(--text)", backgroundColor: "var(--surface)", fontSize: "0.875rem" },
  "&.cm-focused": { outline: "none" },
  // An outline would lie below the gutters.
  "&.cm-focused::after": {
    content: '""',
    position: "absolute",
    inset: "0",
    border: "2px solid var(--accent)",
    pointerEvents: "none",
    zIndex: "300",
  },
  ".cm-scroller": { fontFamily: "var(--mono, monospace)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { caretColor: "var(--text)", padding: "6px 0" },
  ".cm-line": { padding: "0 8px" },
  ".cm-cursor, .cm-dropCursor": { borderLeft: "2px solid var(--text)" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    background: faint("--accent", 28),
  },
  ".cm-activeLine": { backgroundColor: faint("--accent", 6) },
  ".cm-lit": { backgroundColor: faint("--accent", 16), boxShadow: "inset 3px 0 0 var(--accent)" },
  ".cm-lit.cm-activeLine": { backgroundColor: faint("--accent", 20) },
  ".cm-gutters": { color: "var(--muted)", backgroundColor: "var(--surface)", borderRight: border },
  ".cm-activeLineGutter": { color: "var(--text)", backgroundColor: faint("--accent", 10) },
  ".cm-foldGutter .cm-gutterElement": { cursor: "pointer" },
  ".cm-foldPlaceholder": { color: "var(--muted)", backgroundColor: "var(--bg)", border, padding: "0 6px" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    backgroundColor: "transparent",
    outline: "1px solid var(--accent)",
  },
  ".cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket": {
    backgroundColor: "transparent",
    outline: "1px solid var(--error)",
  },
  ".cm-searchMatch": { backgroundColor: faint("--warning", 22), outline: `1px solid ${faint("--warning", 60)}` },
  ".cm-searchMatch-selected": { backgroundColor: faint("--warning", 45) },
  ".cm-selectionMatch": { backgroundColor: faint("--accent", 14) },
  ".cm-scalar": { color: "var(--info)" },
  ".cm-specialChar": { color: "var(--error)" },

  ".cm-gutter-lint": { width: "16px" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "0 3px", display: "flex", alignItems: "center" },
  ".cm-lint-marker-error": sign("--error", "circle(50%)"),
  ".cm-lint-marker-warning": sign("--warning", "polygon(50% 0, 100% 100%, 0 100%)"),
  ".cm-lint-marker-info": sign("--info", "inset(1px)"),
  ".cm-lintRange-error": underline("--error"),
  ".cm-lintRange-warning": underline("--warning"),
  ".cm-lintRange-info": underline("--info"),
  ".cm-lintRange-active": { backgroundColor: faint("--accent", 18) },
  ".cm-lintPoint-error": point("--error"),
  ".cm-lintPoint-warning": point("--warning"),
  ".cm-lintPoint-info": point("--info"),
  ".cm-diagnostic": { padding: "6px 10px", marginLeft: "0", whiteSpace: "pre-wrap", overflowWrap: "anywhere" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--error)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--warning)" },
  ".cm-diagnostic-info": { borderLeft: "4px solid var(--info)" },
  ".cm-diagnosticSource": { color: "var(--muted)", opacity: "1", fontFamily: "var(--mono, monospace)", fontSize: "0.75rem" },
  ".cm-severity": { fontWeight: "600" },
  ".cm-severity-error": { color: "var(--error)" },
  ".cm-severity-warning": { color: "var(--warning)" },
  ".cm-severity-info": { color: "var(--info)" },
  ".cm-help": { color: "var(--muted)", marginTop: "2px" },

  ".cm-rules": { width: "14px" },
  ".cm-rules .cm-gutterElement": { display: "flex", alignItems: "center", justifyContent: "center" },
  ".cm-rule": { display: "block", boxSizing: "border-box", width: "8px", height: "8px", borderRadius: "50%" },
  ".cm-rule-none": { border: "2px solid var(--warning)" },
  ".cm-rule-samples, .cm-rule-recorded, .cm-rule-both": { width: "4px", height: "4px", backgroundColor: "var(--ok)" },

  ".cm-tooltip": {
    color: "var(--text)",
    backgroundColor: "var(--surface)",
    border,
    borderRadius: "6px",
    boxShadow: "0 4px 16px rgb(0 0 0 / 0.18)",
    overflow: "hidden",
    fontSize: "0.8125rem",
  },
  ".cm-tooltip-section:not(:first-child)": { borderTop: border },
  ".cm-tooltip-hover": { maxWidth: "min(34rem, 90vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete": { overflow: "visible" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono, monospace)", maxHeight: "16em", borderRadius: "6px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", lineHeight: "1.4" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { color: "var(--text)", background: faint("--accent", 22) },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700", color: "var(--accent)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal", fontFamily: "var(--sans, system-ui, sans-serif)" },
  ".cm-completionIcon": { color: "var(--muted)", opacity: "1" },
  ".cm-tooltip.cm-completionInfo": { padding: "0", maxWidth: "min(26rem, 60vw)", whiteSpace: "normal" },
  ".cm-about": { padding: "8px 10px", maxHeight: "20em", overflowY: "auto", lineHeight: "1.45" },
  ".cm-about p": { margin: "0 0 6px" },
  ".cm-about > :last-child": { marginBottom: "0" },
  ".cm-about code, .cm-about pre, .cm-diagnostic code": {
    fontFamily: "var(--mono, monospace)",
    fontSize: "0.95em",
    backgroundColor: faint("--muted", 14),
    borderRadius: "3px",
  },
  ".cm-about code, .cm-diagnostic code": { padding: "0 3px" },
  ".cm-about pre": { margin: "0 0 6px", padding: "6px 8px", overflowX: "auto" },
  ".cm-about-title": { fontWeight: "600" },
  ".cm-about-facts": { color: "var(--muted)" },

  ".cm-panels": { color: "var(--text)", backgroundColor: "var(--bg)", zIndex: "5" },
  ".cm-panels-top": { borderBottom: border },
  ".cm-panels-bottom": { borderTop: border },
  ".cm-panel.cm-search": { padding: "6px 28px 6px 8px", fontFamily: "var(--sans, system-ui, sans-serif)" },
  ".cm-panel.cm-search label": { display: "inline-flex", alignItems: "center", fontSize: "0.8125rem", whiteSpace: "nowrap" },
  ".cm-textfield": { color: "var(--text)", backgroundColor: "var(--surface)", border, borderRadius: "4px", fontSize: "0.8125rem" },
  ".cm-button": {
    color: "var(--text)",
    backgroundColor: "var(--surface)",
    backgroundImage: "none",
    border,
    borderRadius: "4px",
    fontSize: "0.8125rem",
    "&:active": { backgroundImage: "none", backgroundColor: faint("--accent", 18) },
  },
  ".cm-panel button[name=close]": { color: "var(--text)", cursor: "pointer", minWidth: "24px", minHeight: "24px" },
  ".cm-textfield:focus-visible, .cm-panel button:focus-visible, .cm-panel input:focus-visible": ring,
  ".cm-panel.cm-panel-lint ul": { maxHeight: "10em", fontSize: "0.8125rem" },
  ".cm-panel.cm-panel-lint ul:focus-visible": ring,
  ".cm-panel.cm-panel-lint ul [aria-selected], .cm-panel.cm-panel-lint ul:focus [aria-selected]": {
    color: "var(--text)",
    backgroundColor: faint("--accent", 22),
  },
});

const words = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--ok)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.keyword, tags.typeName, tags.labelName, tags.meta, tags.attributeValue], color: "var(--info)" },
  { tag: [tags.punctuation, tags.separator, tags.brace, tags.squareBracket], color: "var(--muted)" },
  { tag: tags.invalid, color: "var(--error)" },
]);

/** The look of the editor and of the words in it. */
export function theme(): Extension {
  return [look, syntaxHighlighting(words)];
}
