// The server and browser that the tests of a file share, started before the first test and stopped after the last.
import { after, before } from "node:test";
import { Browser } from "./browser.mjs";
import { Server } from "./server.mjs";

/**
 * Gives an object with `server` and `browser`, which are there as soon as tests run.
 * `begin` is called with both before the first test, `end` after the last.
 */
export function fixture({ policies, host, begin, end } = {}) {
  const shared = {};
  before(async () => {
    [shared.server, shared.browser] = await Promise.all([Server.start({ policies, host }), Browser.launch()]);
    await begin?.(shared);
  });
  after(async () => {
    await end?.(shared);
    await shared.browser?.close();
    await shared.server?.stop();
  });
  return shared;
}
