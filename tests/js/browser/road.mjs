// The connection from a page to the Faramesh server: a proxy in the page's own origin, since the server accepts nothing
// from pages of another one. A test decides the answer to each request, and sees the requests.
import { until } from "./until.mjs";

export class Road {
  /** Every request with records, in order: the tab that sent it, and its body. */
  seen = [];
  /** The fate of such a request: a function of it that returns the answer, or nothing for no answer. */
  rule = pass;
  #server;

  constructor(server) {
    this.#server = server;
  }

  /** Answers a request of a page, as `serve` asks for it. */
  async answer(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { stream, records } = text === "" ? {} : JSON.parse(text);
    const tab = new URL(request.headers.referer).search.slice(1);
    const { method, url: path, headers } = request;
    const seen = { tab, method, path, stream, records, text, headers, rule: this.rule };
    // A proxy without a server answers 502.
    const nobody = (error) => ({ status: 502, text: String(error) });
    // The look at the server's policies carries no records, and is nothing that a test has rules for.
    const rule = records === undefined ? pass : this.rule;
    if (records !== undefined) this.seen.push(seen);
    const answer = await rule(seen, () => this.#pass(seen)).catch(nobody);
    seen.answer = answer;
    if (answer === undefined) return;
    response.writeHead(answer.status, { "content-type": answer.type ?? "text/plain" });
    response.end(answer.text);
  }

  /** The first request that fits, once it has come. */
  async arrived(fits) {
    let found;
    await until("the request on its way", () => (found = this.seen.find(fits)) !== undefined);
    return found;
  }

  async #pass({ method, path, text, headers }) {
    const { authorization, accept } = headers;
    const told = { accept, authorization, "content-type": "application/json" };
    const response = await fetch(this.#server.url + path, { method, headers: told, body: text || undefined });
    return { status: response.status, type: response.headers.get("content-type"), text: await response.text() };
  }
}

/** The server's own answer. */
export async function pass(_, ask) {
  return ask();
}

/** The server gets the request, and its answer never comes. */
export async function loseAnswer(seen, ask) {
  seen.lost = await ask();
  return undefined;
}
