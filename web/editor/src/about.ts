// Shows the schema's description of a key or a value, in hover texts and next to completions.

import { element, inline, prose } from "./prose.js";
import type { About } from "./schema.js";

/** More values than these are a list of their own and not a line. */
const MOST_VALUES = 8;

/** A panel that says what a key is, or null if nothing is said of it. */
export function aboutKey(name: string, { title, description, kinds, values, standard }: About): HTMLElement | null {
  const facts: string[] = [];
  const shown = values.slice(0, MOST_VALUES).map((value) => `\`${JSON.stringify(value).replaceAll('"', "")}\``);
  if (values.length > 0) facts.push(`${shown.join(", ")}${values.length > MOST_VALUES ? ", …" : ""}`);
  else if (kinds.length > 0) facts.push(kinds.join(" or "));
  if (standard !== undefined) facts.push(`\`${JSON.stringify(standard)}\` when left out`);
  if (title === null && description === null && facts.length === 0) return null;

  const head = element("p", "cm-about-title", element("code", "", name));
  if (title !== null && title.toLowerCase() !== name.toLowerCase().replaceAll("_", " ")) head.append(` ${title}`);
  const panel = element("div", "cm-about", head);
  if (description !== null) panel.append(...prose(description));
  if (facts.length > 0) panel.append(element("p", "cm-about-facts", ...inline(facts.join("; "))));
  return panel;
}

/** A panel that says what a value means. */
export function aboutValue(name: string, description: string): HTMLElement {
  return element("div", "cm-about", element("p", "cm-about-title", element("code", "", name)), ...prose(description));
}
