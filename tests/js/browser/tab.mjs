// A tab of the browser with the page in it, and what its storage holds.
import { until } from "./until.mjs";

export class Tab {
  /** Console errors that no test expects: a refused script, an uncaught exception. */
  complaints = [];
  #page;

  static async open(context, url) {
    const tab = new Tab();
    const page = (tab.#page = await context.newPage());
    page.on("pageerror", (error) => tab.complaints.push(String(error)));
    page.on("console", (message) => {
      const { pathname } = new URL(message.location().url || url);
      // Requests refused on the way to the server are part of the tests, and a browser asks for an icon by itself.
      if (message.type() !== "error" || pathname.startsWith("/v1/") || pathname === "/favicon.ico") return;
      tab.complaints.push(`${message.text()} (${pathname})`);
    });
    await page.goto(url, { waitUntil: "load" });
    const opened = await page.evaluate(() => globalThis.opened?.then(() => true));
    if (!opened) throw new Error(`the page did not start: ${tab.complaints.join("; ")}`);
    return tab;
  }

  refund(...amounts) {
    return this.#page.evaluate((given) => globalThis.tab.refund(...given), amounts);
  }

  /** The amounts of the refunds that ran here. */
  ran() {
    return this.#page.evaluate(() => globalThis.tab.ran);
  }

  errors() {
    return this.#page.evaluate(() => globalThis.tab.errors);
  }

  /** The governor's report on its records. */
  status() {
    return this.#page.evaluate(() => globalThis.tab.governor.status().records);
  }

  /** The records in the storage of the origin, as any tab of it sees them, in order. */
  async stored() {
    const texts = await this.#page.evaluate(() => Object.keys(localStorage).map((name) => localStorage.getItem(name)));
    return texts.map((text) => JSON.parse(text)).sort((one, other) => one.seq - other.seq);
  }

  /** Waits until the page has sent all its records by itself, and nothing is stored any more. */
  async sent() {
    await until("everything is sent", async () => (await this.status()).waiting === 0 && (await this.stored()).length === 0);
  }

  close() {
    return this.#page.close();
  }

  /** The process of the page ends at once: nothing of it runs any more. */
  async crash() {
    const crashed = new Promise((gone) => this.#page.once("crash", gone));
    this.#page.goto("chrome://crash").catch(() => undefined);
    await crashed;
    await this.#page.close();
  }
}
