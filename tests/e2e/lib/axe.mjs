// axe-core in the open page. Its serious and critical findings are failures; people judge the rest.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const GRAVE = ["serious", "critical"];

/** Makes axe-core available in all pages of this person; a page's own policy would not let it in later. */
export const bringAxe = (person) => person.context.addInitScript(AXE);

/** Fails when something grave is found. `where` is for the message. */
export async function assertAccessible(page, where) {
  const violations = await page.evaluate(async () => {
    // Fading elements such as toasts are judged once they are still.
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)));
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, impact, help, nodes }) => ({
      id,
      impact,
      help,
      nodes: nodes.slice(0, 4).map(({ target, html, failureSummary }) => ({
        target: target.flat().join(" "),
        html: html.slice(0, 160),
        why: failureSummary.slice(0, 300),
      })),
    }));
  });
  const grave = violations.filter(({ impact }) => GRAVE.includes(impact));
  assert.deepEqual(grave, [], `${where}: axe-core found ${grave.map(({ id }) => id).join(", ")}`);
}
