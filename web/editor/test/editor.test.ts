// The built editor in real Chromium, under the dashboard's content security policy: it shows the page's text, reports
// the user's changes, and causes no violation or error.

import assert from "node:assert/strict";
import { readFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Page } from "playwright-core";
import { type Opened, Site } from "./support/browser.js";
import { root } from "./support/root.js";

const policy = readFileSync(join(root, "../../policies/support-agent.yaml"), "utf8");
const pictures = join(root, "target/pictures");

let site: Site;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  site = await Site.start();
});
after(() => site.stop());

/** The editor's reports to the page. */
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


/** The position of a part of a text. */
const at = (content: string, part: string) => ({ from: content.indexOf(part), to: content.indexOf(part) + part.length });

const found = [
  { ...at(policy, "amount_lte: 150"), severity: "error", code: "unknown_key", message: "no key `amount_lte`", help: "did you mean `amount_lt`?" },
  { ...at(policy, "tool: send_email"), severity: "warning", code: "numeric_gap", message: "a gap", help: null },
  { from: 999_999, to: 1_999_999, severity: "info", code: "far", message: "behind the end", help: null },
];

test("diagnostics are drawn into the text, said on hover, and reached by the keyboard", async () => {
  await withEditor(policy, async ({ page }) => {
    await call(page, "setDiagnostics", found);
    assert.equal((await page.locator(".cm-lintRange-error").allTextContents()).join(""), "amount_lte: 150");
    assert.equal(await page.locator(".cm-lint-marker-error").count(), 1);
    await page.locator(".cm-lintRange-error").first().hover();
    const hover = page.locator(".cm-tooltip .cm-diagnostic-error");
    await hover.waitFor();
    assert.match(await hover.innerText(), /error: no key amount_lte[^]*help: did you mean amount_lt\?[^]*unknown_key/);
    await page.mouse.move(5, 5);
    await hover.waitFor({ state: "detached" });

    await call(page, "focus");
    const said = page.locator(".cm-announced");
    await page.keyboard.press("F8");
    assert.match((await said.textContent()) ?? "", /error: no key `amount_lte`/);
    await hover.waitFor();
    await page.keyboard.press("F8");
    assert.match((await said.textContent()) ?? "", /warning: a gap/);
    await page.keyboard.press("Shift+F8");
    assert.match((await said.textContent()) ?? "", /error: no key `amount_lte`/);
    await page.keyboard.press("Control+Shift+M");
    assert.equal(await page.locator(".cm-panel-lint [role=option]").count(), 3);
    await page.keyboard.press("Escape");
    await page.keyboard.press("End");
    await page.keyboard.type("0");
    assert.equal((await text(page)).includes("amount_lte: 1500"), true);
    await call(page, "setDiagnostics", []);
    assert.equal(await page.locator(".cm-lintRange, .cm-lint-marker").count(), 0);
  });
});

test("rules that nothing reaches have a mark, and one rule can be lit up", async () => {
  await withEditor(policy + "# end\n".repeat(200), async ({ page }) => {
    const line = policy.slice(0, policy.indexOf("- id: small")).split("\n").length;
    await call(page, "setRules", [
      { line: 9999, id: "gone", reached: "none" },
      { line, id: "small-refunds", reached: "none" },
      { line: line + 7, id: "mid-refunds", reached: "both" },
    ]);
    await call(page, "light", { from: line, to: line + 5 });
    const mark = page.locator(".cm-rule-none");
    await mark.waitFor();
    assert.equal(await mark.getAttribute("title"), "rule small-refunds: reached by no sample and by no recorded action");
    assert.equal(await page.locator(".cm-rule-both").count(), 1);
    assert.equal(await page.locator(".cm-lit").count(), 6);
    assert.match((await page.locator(".cm-lit").first().textContent()) ?? "", /small-refunds/);
    const box = await page.locator(".cm-lit").first().boundingBox();
    assert.ok(box !== null && box.y > 0 && box.y < 460, "it is scrolled to");
    await call(page, "goTo", 1, 1);
    await page.keyboard.press("Control+Home");
    await call(page, "focus");
    await page.keyboard.press("Enter");
    await call(page, "goTo", line, 1);
    assert.match((await page.locator(".cm-lit").first().textContent()) ?? "", /small-refunds/, "it moves with its text");
    await call(page, "light", null);
    assert.equal(await page.locator(".cm-lit").count(), 0);
  });
});

test("the keyboard saves, searches, completes, and leaves with Tab", async () => {
  await withEditor("rules:\n  - match: \n    allow: true\n", async ({ page }) => {
    await call(page, "focus");
    await page.keyboard.press("Control+s");
    assert.equal((await told(page)).saves, 1);
    await call(page, "goTo", 2, 99);
    assert.deepEqual((await told(page)).lines, [2]);

    const menu = page.locator(".cm-tooltip-autocomplete");
    const options = () => menu.locator("li .cm-completionLabel").allTextContents();
    await page.keyboard.type("{ to");
    await menu.waitFor();
    assert.equal((await options())[0], "tool");
    // CodeMirror accepts no choice in the first moment, so that none is made unseen.
    await page.waitForTimeout(150);
    await page.keyboard.press("Enter");
    await page.keyboard.type("refund, amount_");
    await menu.waitFor();
    await page.waitForTimeout(150);
    assert.equal((await options())[0], "amount_eq");
    await page.keyboard.type("g");
    await page.waitForTimeout(250);
    assert.equal((await options())[0], "amount_gt");
    await menu.locator(".cm-completionInfo").waitFor();
    assert.match(await menu.locator(".cm-completionInfo").innerText(), /greater/);
    await page.keyboard.press("Enter");
    await page.keyboard.type("5");
    assert.equal(await text(page), "rules:\n  - match: { tool: refund, amount_gt: 5}\n    allow: true\n");

    await call(page, "goTo", 3, 99);
    await page.keyboard.type("\nrisk: hig");
    await menu.waitFor();
    assert.deepEqual(await options(), ["high"]);
    await page.keyboard.type("h");
    await menu.waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    assert.match(await text(page), /\n {4}risk: high\n {4}\n$/, "a value typed in full needs no choice");

    await page.keyboard.press("Control+f");
    await page.keyboard.type("allow");
    await page.locator(".cm-search input[name=search]").waitFor();
    assert.equal(await page.locator(".cm-searchMatch").count(), 1);
    await page.keyboard.press("Escape");

    const focused = () => page.evaluate("document.activeElement.id || document.activeElement.shadowRoot?.activeElement?.className") as Promise<string>;
    assert.match(await focused(), /cm-content/);
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "after", "Tab leaves");
    await call(page, "focus");
    await page.keyboard.press("Control+m");
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("Tab");
    assert.match(await focused(), /cm-content/);
    assert.match(await text(page), /^ {2}rules:/, "Tab indents once it was asked for");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "after", "and leaves after Escape");
  });
});

test("a whole policy is written by choosing", async () => {
  await withEditor("", async ({ page }) => {
    await call(page, "focus");
    const choose = async (typed: string, label: string) => {
      await page.keyboard.type(typed);
      const chosen = page.locator(".cm-tooltip-autocomplete li[aria-selected=true] .cm-completionLabel");
      await chosen.getByText(label, { exact: true }).waitFor();
      await page.waitForTimeout(150);
      await page.keyboard.press("Enter");
    };
    await choose("ru", "rules");
    await choose("m", "match");
    await choose("to", "tool");
    await page.keyboard.type("refund\n");
    await choose("amount_lt", "amount_lt");
    await page.keyboard.type("5\n");
    await page.keyboard.press("Backspace");
    await choose("al", "allow");
    await page.keyboard.type("\n");
    await choose("risk", "risk");
    await choose("cr", "critical");
    assert.equal(
      await text(page),
      "rules:\n  - match:\n      tool: refund\n      amount_lt: 5\n    allow: true\n    risk: critical",
    );
  }, { schema: "policy.schema.json" });
});

test("a value that is no text has a colour of its own", async () => {
  await withEditor('true: yes\nb: true\nc: [5, no, "5", 1:30, ~, 0.5]\n', async ({ page }) => {
    assert.deepEqual(await page.locator(".cm-scalar").allTextContents(), ["true", "5", "~", "0.5"]);
  });
});

test("a key says what it is under the pointer", async () => {
  await withEditor(policy, async ({ page }) => {
    await page.getByText("match", { exact: true }).first().hover();
    const panel = page.locator(".cm-tooltip-hover .cm-about");
    await panel.waitFor();
    assert.match(await panel.innerText(), /match[^]*all conditions must hold/i);
  }, { schema: "policy.schema.json" });
});

test("a text that may not be changed is read all the same", async () => {
  await withEditor("a: 1\n", async ({ page }) => {
    const content = page.getByRole("textbox", { name: "policy support-agent.yaml" });
    assert.equal(await content.getAttribute("aria-readonly"), "true");
    await call(page, "focus");
    await page.keyboard.type("x");
    assert.equal(await text(page), "a: 1\n");
    await call(page, "setReadOnly", false);
    await page.keyboard.type("x");
    assert.equal(await text(page), "xa: 1\n");
    assert.equal(await content.getAttribute("aria-readonly"), null);
    await call(page, "destroy");
    assert.equal(await page.locator("#place > *").count(), 0);
  }, { readOnly: true });
});

test("a policy as long as one may be does not freeze it", async () => {
  const rule = "  - id: rule\n    match: { tool: refund, amount_gt: 5, body_matches: 'a b c' }\n    deny: true # never\n";
  const long = `rules:\n${rule.repeat(Math.floor((1 << 20) / rule.length) - 1)}`;
  await withEditor(long, async ({ page }) => {
    await page.evaluate(`
      globalThis.longest = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
      }).observe({ type: "longtask" });
    `);
    await call(page, "focus");
    await page.keyboard.press("Control+End");
    await page.keyboard.type("  - match: { amount_", { delay: 20 });
    await page.locator(".cm-tooltip-autocomplete li").first().waitFor();
    const many = Array.from({ length: 2000 }, (_, index) => {
      return { from: index * 100, to: index * 100 + 9, severity: "warning", code: "c", message: "m", help: null };
    });
    await call(page, "setDiagnostics", many);
    await call(page, "goTo", 5000, 1);
    const longest = (await page.evaluate("longest")) as number;
    // Tenths of a second are usual; a busy machine takes longer, and what grows with the square of the text far longer.
    assert.ok(longest < 3000, `the page stood still for ${longest} ms`);
  }, { schema: "policy.schema.json" });
});

for (const scheme of ["light", "dark"] as const) {
  test(`the colours are those of the page when it is ${scheme}`, async () => {
    await withEditor(policy, async ({ page }) => {
      await call(page, "setDiagnostics", found);
      await call(page, "setRules", [{ line: 24, id: "small-refunds", reached: "none" }, { line: 31, id: "mid-refunds", reached: "both" }]);
      await call(page, "light", { from: 31, to: 37 });
      await call(page, "focus");
      await page.keyboard.press("F8");
      await page.locator(".cm-tooltip .cm-diagnostic-error").waitFor();
      await page.locator(".cm-scalar").first().waitFor();
      await page.screenshot({ path: join(pictures, `${scheme}-diagnostic.png`) });
      await call(page, "goTo", 29, 999);
      await page.keyboard.type("\nrisk: ");
      await page.locator(".cm-tooltip-autocomplete li").first().waitFor();
      await page.waitForTimeout(300);
      await page.screenshot({ path: join(pictures, `${scheme}-completion.png`) });
      await page.keyboard.press("Escape");
      await page.keyboard.press("Control+Shift+M");
      await page.keyboard.press("Escape");
      await call(page, "focus");
      await page.keyboard.press("Control+f");
      await page.keyboard.type("refund");
      await page.getByText("match", { exact: true }).first().hover();
      await page.locator(".cm-about").waitFor();
      await page.screenshot({ path: join(pictures, `${scheme}-search-hover.png`) });
      const colour = await page.locator(".cm-content").evaluate((content) => getComputedStyle(content.closest(".cm-editor")!).backgroundColor);
      assert.equal(colour, scheme === "light" ? "rgb(255, 255, 255)" : "rgb(26, 32, 41)");
    }, { schema: "policy.schema.json" }, scheme);
  });
}
