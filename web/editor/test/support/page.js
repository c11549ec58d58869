// A page with one editor in it, as in the dashboard; it stores the editor's reports.
import { createEditor } from "./editor.js";

const told = { changes: [], saves: 0, lines: [], violations: [] };
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  told.violations.push(`${violatedDirective} ${blockedURI}`);
});

async function open(text, options = {}) {
  const schema = await (await fetch(options.schema ?? "schema.json")).json();
  globalThis.editor?.destroy();
  Object.assign(told, { changes: [], saves: 0, lines: [] });
  globalThis.editor = createEditor(document.getElementById("place"), {
    text,
    label: "policy support-agent.yaml",
    readOnly: options.readOnly ?? false,
    schema,
    onChange: (changed) => told.changes.push(changed),
    onSave: () => (told.saves += 1),
    onCursor: (line) => told.lines.push(line),
  });
}

Object.assign(globalThis, { told, open });
