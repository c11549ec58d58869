// Conditions that tests wait for on a page. Elements are found by text and role, as a person or a screen reader would.
import assert from "node:assert/strict";

/** Waits until `look` gives the expected value; fails with the last value it gave. */
export async function until(look, wanted, { within = 15_000 } = {}) {
  const end = Date.now() + within;
  for (;;) {
    const seen = await look();
    const fits = typeof wanted === "function" ? wanted(seen) : wanted instanceof RegExp ? wanted.test(seen) : seen === wanted;
    if (fits) return seen;
    if (Date.now() > end) {
      assert.fail(`waited ${within} ms for ${wanted}, and saw ${JSON.stringify(seen)}`);
    }
    await new Promise((next) => setTimeout(next, 30));
  }
}

/** Waits until something can be seen. */
export const seen = (locator) => locator.waitFor({ state: "visible" });

/** Waits until it cannot be seen any more. */
export const gone = (locator) => locator.waitFor({ state: "hidden" });

/** The heading of the page that is open. */
export const heading = (page, name) => page.getByRole("heading", { level: 1, name });

/** Waits for a page of the frame, and that it hears of what happens. */
export async function arrived(page, name) {
  await seen(heading(page, name));
  await seen(page.getByText("● live"));
}

/** How many pixels the page is wider than its window: what a person would have to scroll sideways. */
export function overhang(page) {
  return page.evaluate(() => {
    const root = document.scrollingElement;
    if (root.scrollWidth <= root.clientWidth) return { pixels: 0, by: [] };
    const by = [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1)
      .map((element) => `${element.localName}.${element.className}`);
    return { pixels: root.scrollWidth - root.clientWidth, by: by.slice(0, 8) };
  });
}

/** Whether an element is inside of the window. */
export async function inView(page, locator) {
  const { x, y, width, height } = await locator.boundingBox();
  const window = page.viewportSize();
  return x >= 0 && y >= 0 && x + width <= window.width && y + height <= window.height;
}
