// Shows the short texts of diagnostics and of the schema: paragraphs, `code` and fenced blocks, and nothing else of
// Markdown. Everything goes in as text nodes, so no text can become markup.

/** An element with a class, and with children in order. */
export function element(name: string, className: string, ...children: (Node | string)[]): HTMLElement {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

/** One line of text, with the parts in backticks as code. */
export function inline(text: string): Node[] {
  const parts = text.split(/(`[^`\n]+`)/).map((part, index) => {
    return index % 2 === 1 ? element("code", "", part.slice(1, -1)) : document.createTextNode(part);
  });
  return parts.filter(({ textContent }) => textContent !== "");
}

/** A text of paragraphs and fenced blocks of code. */
export function prose(text: string): HTMLElement[] {
  return text.split(/```[a-z]*\n([^]*?)```/).flatMap((part, index) => {
    if (index % 2 === 1) return [element("pre", "", part.replace(/\n$/, ""))];
    const paragraphs = part.split(/\n\s*\n/).map((paragraph) => paragraph.trim());
    return paragraphs.filter((paragraph) => paragraph !== "").map((paragraph) => element("p", "", ...inline(paragraph)));
  });
}
