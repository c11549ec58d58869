// Pages from loopback under a strict content security policy, and the Chromium that opens them.
//
// Debian's Chromium is driven as it is installed; nothing is downloaded.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";

/** All that a page needs to run the engine: its own scripts, and WebAssembly. */
export const POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Serves `files`, from path to content, and all other files from `folder`, on a free loopback port.
 * A function in `routes` answers everything whose path begins with its name.
 * Returns the address and a function that stops it.
 */
export async function serve({ files = {}, folder, routes = {} }) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const [, route] = Object.entries(routes).find(([start]) => path.startsWith(start)) ?? [];
    if (route !== undefined) {
      await route(request, response);
      return;
    }
    const name = path.endsWith("/") ? `${path}index.html` : path;
    const content = files[name] ?? (folder && (await readFile(join(folder, name)).catch(() => undefined)));
    const headers = { "content-security-policy": POLICY, "content-type": TYPES[extname(name)] ?? "text/plain" };
    response.writeHead(content !== undefined ? 200 : 404, headers);
    response.end(content);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

/** A port of loopback that is free now. */
export async function freePort() {
  const { url, stop } = await serve({});
  await stop();
  return Number(new URL(url).port);
}

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) {
    throw new Error(`there is no \`${executablePath}\`: run \`apt-get install chromium\`, or name one in CHROMIUM`);
  }
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"];
  return chromium.launch({ executablePath, headless: true, args });
}

/**
 * Opens a page whose script sets `globalThis.finished` to a promise, and returns the promise's value.
 * Every console error, including refused scripts, is a failure.
 */
export async function finished(browser, url) {
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    const { url: about } = message.location();
    // A browser asks for an icon whatever the page says.
    if (message.type() === "error" && !about.endsWith("/favicon.ico")) errors.push(`${message.text()} (${about})`);
  });
  try {
    await page.goto(url, { waitUntil: "load" });
    const answer = await page.evaluate(() => globalThis.finished);
    if (answer === undefined) {
      errors.push("the page did not start");
    }
    if (errors.length > 0) {
      throw new Error(`${url}: ${errors.join("\n    ")}`);
    }
    return answer;
  } catch (error) {
    throw new Error([String(error), ...errors].join("\n    "));
  } finally {
    await page.close();
  }
}
