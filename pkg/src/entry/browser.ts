// A page fetches the engine: `await init()` comes first. Bundlers see the URL and bring the file along. Records that
// wait are kept in the page's storage, for the next page when this one is closed.
import { useHost } from "../host.js";
import { memoryOutbox } from "../outbox.js";
import type { Outbox } from "../outbox.js";
import { webStorageOutbox } from "../outbox/web-storage.js";

useHost({
  name: "browser",
  background: true,
  outbox,
  load: async () => {
    const response = await fetch(new URL("../engine.wasm", import.meta.url));
    if (!response.ok) throw new TypeError(`the engine cannot be loaded: it was answered with ${response.status}`);
    return response.arrayBuffer();
  },
});
export * from "../index.js";

function outbox(): Outbox {
  try {
    return webStorageOutbox();
  } catch {
    // Web workers have no storage, and a page may be forbidden to use its own.
    return memoryOutbox();
  }
}
