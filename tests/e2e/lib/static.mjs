// The built dashboard as plain files, as any web server would hand them out: no API, no session, no Faramesh.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { site } from "./places.mjs";

/** The Content-Security-Policy that the server sends with the dashboard. */
export const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Serves the dashboard's files below `/ui/`. Returns the address, the requests, and a function that stops it. */
export async function serveFiles() {
  const asked = [];
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    asked.push(`${request.method} ${path}`);
    const name = path.endsWith("/") ? `${path}index.html` : path;
    const file = name.startsWith("/ui/") ? join(site(), name.slice("/ui/".length)) : undefined;
    let content = file && (await readFile(file).catch(() => undefined));
    if (content === undefined && file && (await readFile(join(file, "index.html")).catch(() => undefined))) {
      // Web servers lead from a folder's name to the folder.
      response.writeHead(301, { location: `${path}/` });
      response.end();
      return;
    }
    const headers = { "content-security-policy": POLICY, "content-type": TYPES[extname(name)] ?? "application/octet-stream" };
    response.writeHead(content === undefined ? 404 : 200, headers);
    response.end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  };
  return { url: `http://localhost:${server.address().port}`, asked, stop };
}
