// A page with the built editor from loopback, under the policy of the dashboard, and the Chromium that opens it.
// Debian's Chromium is driven as it is installed; nothing is downloaded.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { root } from "./root.js";

/** The content security policy under which the server serves the dashboard. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
};

const FILES: Record<string, string> = {
  "/": "test/support/page.html",
  "/page.css": "test/support/page.css",
  "/page.js": "test/support/page.js",
  "/schema.json": "test/support/schema.json",
  "/policy.schema.json": "../../policies/policy.schema.json",
  "/editor.js": "dist/editor.js",
};

/** A page that was opened, with what its console and its policy complained of. */
export interface Opened {
  page: Page;
  complaints: string[];
}

export class Site {
  private constructor(
    readonly browser: Browser,
    readonly url: string,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(): Promise<Site> {
    const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
    if (!existsSync(executablePath)) {
      throw new Error(`there is no \`${executablePath}\`: run \`apt-get install chromium\`, or name one in CHROMIUM`);
    }
    const server = createServer(async (request, response) => {
      const name = FILES[new URL(request.url ?? "/", "http://localhost").pathname];
      const content = name === undefined ? undefined : await readFile(join(root, name)).catch(() => undefined);
      const type = TYPES[extname(name ?? "")] ?? "text/plain";
      response.writeHead(content === undefined ? 404 : 200, { "content-security-policy": POLICY, "content-type": type });
      response.end(content);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"];
    const browser = await chromium.launch({ executablePath, headless: true, args });
    return new Site(browser, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, async () => {
      await browser.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    });
  }

  /** Opens the page in a window of its own. */
  async open(scheme: "light" | "dark" = "light"): Promise<Opened> {
    const page = await this.browser.newPage({ colorScheme: scheme, viewport: { width: 900, height: 560 } });
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
      // A browser asks for an icon whatever the page says.
      if (message.location().url.endsWith("/favicon.ico")) return;
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    await page.goto(this.url, { waitUntil: "load" });
    await page.waitForFunction("globalThis.open !== undefined && globalThis.told !== undefined");
    return { page, complaints };
  }
}
