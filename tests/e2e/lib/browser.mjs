// Debian's Chromium as it is installed, and pages that keep everything they complained of.
//
// A page that logs an error, throws, or breaks its Content-Security-Policy fails its test, whatever the test looks at.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

/** How long a test waits for an expected change. */
const PATIENCE_MS = 15_000;

export class Browser {
  #chromium;

  static async launch() {
    const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
    if (!existsSync(executablePath)) {
      throw new Error(`there is no \`${executablePath}\`: run \`apt-get install chromium\`, or name one in CHROMIUM`);
    }
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"];
    const browser = new Browser();
    browser.#chromium = await chromium.launch({ executablePath, headless: true, args });
    return browser;
  }

  close() {
    return this.#chromium.close();
  }

  /** A person in front of a browser of their own: no cookies, nothing cached. */
  async person(options = {}) {
    const context = await this.#chromium.newContext({
      viewport: { width: 1280, height: 900 },
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    return new Person(context);
  }
}

export class Person {
  /** The complaints of this person's pages. */
  complaints = [];
  #expected = [];

  constructor(context) {
    this.context = context;
    context.on("page", (page) => this.#watch(page));
  }

  /** Complaints that belong to what a test does, such as requests that fail while the server is away. */
  expect(...patterns) {
    this.#expected.push(...patterns);
  }

  /** Logs in by asking the server, for tests that are not about logging in. */
  async logIn(server, key = server.adminKey) {
    const answer = await this.context.request.post(`${server.url}/v1/session`, {
      data: { key },
      headers: { origin: server.url },
    });
    assert.equal(answer.status(), 200, await answer.text());
    return this;
  }

  /** Opens a page in a new tab. */
  async open(url) {
    const page = await this.context.newPage();
    await page.goto(url);
    return page;
  }

  /** Closes all tabs; anything that they complained of fails the test. */
  async leave() {
    await this.context.close();
    this.check();
  }

  check() {
    const unexpected = this.complaints.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(unexpected, [], "the pages complained");
  }

  #watch(page) {
    // One that comes again and again says no more than once.
    const complain = (text) => this.complaints.includes(text) || this.complaints.push(text);
    page.on("pageerror", (error) => complain(`error: ${error}`));
    page.on("crash", () => complain("the page crashed"));
    page.on("console", (message) => {
      const text = message.text();
      // Chromium notes each answer that is a refusal; whether it was due is for the test to see on the page.
      const isRefusal = /^Failed to load resource: the server responded with a status of 4\d\d/.test(text);
      if (message.type() === "error" && !isRefusal) complain(`console: ${text} (${place(message)})`);
    });
  }
}

function place(message) {
  const { url, lineNumber, columnNumber } = message.location();
  return `${url}:${lineNumber + 1}:${columnNumber + 1}`;
}

/** The median of some numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
