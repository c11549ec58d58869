// Tables for people: aligned text for a terminal, or Markdown for a page. No figure is computed here.

/** `rows` of cells under `head`; the first column is left-aligned, the others right-aligned. */
export function table(head, rows, { markdown = false } = {}) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...row[column]].length)));
  const pad = (cell, column) => {
    const fill = " ".repeat(widths[column] - [...cell].length);
    return column === 0 ? cell + fill : fill + cell;
  };
  const lines = all.map((row) => row.map(pad));
  if (!markdown) return lines.map((row) => `  ${row.join("  ").trimEnd()}`).join("\n");
  const rule = widths.map((_, column) => (column === 0 ? "---" : "---:"));
  // The empty line before it is what makes it a table in Markdown.
  return ["", ...[lines[0], rule, ...lines.slice(1)].map((row) => `| ${row.join(" | ")} |`)].join("\n");
}

export const microseconds = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
export const milliseconds = (value) => value.toFixed(1);
export const kibibytes = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
export const thousands = (value) => Math.round(value).toLocaleString("en");
