// The built editor in real Chromium, under the dashboard's content security policy: what the page sets is shown, what
// the user does is told, and nothing is refused or complained of on the way.

import assert from "node:assert/strict";
import { readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { type Opened, root, Site } from "./support/browser.js";

const policy = readFileSync(join(root, "../../policies/support-agent.yaml"), "utf8");
const pictures = join(root, "target/pictures");

let site: Site;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  site = await Site.start();
});
after(() => site.stop());

/** What the page kept of what the editor told it. */
interface Told {
  changes: string[];
  saves: number;
  lines: number[];
  violations: string[];
}

const told = (page: Page) => page.evaluate("told") as Promise<Told>;
const text = (page: Page) => page.evaluate("editor.text()") as Promise<string>;
const call = (page: Page, name: string, ...args: unknown[]) =>
  page.evaluate(([method, given]) => (globalThis as any).editor[method as string](...(given as unknown[])), [name, args] as const);

/** Runs `steps` on a page with `content` in its editor, and fails on whatever the browser complains of. */
async function withEditor(content: string, steps: (opened: Opened) => Promise<void>, options: object = {}, scheme: "light" | "dark" = "light") {
  const opened = await site.open(scheme);
  try {
    await opened.page.evaluate(([given, chosen]) => (globalThis as any).open(given, chosen), [content, options] as const);
    await steps(opened);
    const { violations } = await told(opened.page);
    assert.deepEqual([...violations, ...opened.complaints], [], "the browser has nothing to complain of");
  } finally {
    await opened.page.close();
  }
}

test("the page gets the text, every change of the user, and no change of its own", async () => {
  await withEditor("a: 1\r\nb: 2\n", async ({ page }) => {
    assert.equal(await text(page), "a: 1\r\nb: 2\n", "line ends stay as they are");
    await call(page, "focus");
    await call(page, "goTo", 2, 5);
    await page.keyboard.type("3");
    assert.deepEqual((await told(page)).changes, ["a: 1\r\nb: 23\n"]);
    await call(page, "setText", "c: 4\n");
    assert.equal(await text(page), "c: 4\n");
    assert.equal((await told(page)).changes.length, 1, "what the page sets is not told");
    await page.keyboard.press("Control+z");
    assert.equal(await text(page), "c: 4\n", "a new text has a new history");
    await call(page, "setText", "d: 5\n", { undo: true });
    await page.keyboard.press("Control+z");
    assert.equal(await text(page), "c: 4\n", "unless the page keeps the old one");
  });
});

test("diagnostics, marks of rules and lights are drawn where they belong", async () => {
  await withEditor(policy, async ({ page }) => {
    const at = (part: string) => ({ from: policy.indexOf(part), to: policy.indexOf(part) + part.length });
    await call(page, "setDiagnostics", [
      { ...at("amount_lte: 150"), severity: "error", code: "unknown_key", message: "no key `amount_lte`", help: "did you mean `amount_lt`" },
      { ...at("send_email"), severity: "warning", code: "numeric_gap", message: "a gap", help: null },
      { from: 999999, to: 1999999, severity: "info", code: "far", message: "behind the end", help: null },
    ]);
    assert.equal(await page.locator(".cm-lintRange-error").textContent(), "amount_lte: 150");
    assert.equal(await page.locator(".cm-lint-marker-error").count(), 1);
    await page.locator(".cm-lintRange-error").first().hover();
    await page.locator(".cm-tooltip .cm-diagnostic-error").waitFor();
    const hover = await page.locator(".cm-tooltip .cm-diagnostic-error").innerText();
    assert.match(hover, /error: no key amount_lte[^]*help: did you mean amount_lt[^]*unknown_key/);
  });
});
