// An outbox in `localStorage`: what a closed tab has not sent is sent by the next page of the origin that opens one.
// Every page writes a stream of its own, so pages never wait for each other. Two pages that send the same records do
// no harm: the server takes a record once. Storage of the origin is readable by all of its scripts.

import { OutboxFullError, Waiting, ZERO_HASH } from "../outbox.js";
import type { Outbox, OutboxLimits, SealedRecord } from "../outbox.js";

/** How an outbox in web storage is set up. */
export interface WebStorageOutboxOptions extends OutboxLimits {
  /** The storage; `localStorage` by default. */
  readonly storage?: Storage;
  /** The prefix of its entries; `faramesh:` by default. */
  readonly prefix?: string;
}

/** An outbox that outlives the page. */
export function webStorageOutbox(options: WebStorageOutboxOptions = {}): Outbox {
  const storage = options.storage ?? globalThis.localStorage;
  const prefix = `${options.prefix ?? "faramesh:"}record:`;
  // Storage holds some 5 million characters for an origin, of which others want some too.
  const waiting = new Waiting({ maxCharacters: 2_000_000, ...options });
  const key = (stream: string, seq: number): string => `${prefix}${stream}:${seq}`;
  for (const record of left(storage, prefix)) waiting.add(record);

  return {
    open: (name) => ({ stream: name, size: 0, record_hash: ZERO_HASH }),
    append(record) {
      waiting.makeSure(record);
      try {
        storage.setItem(key(record.stream, record.seq), record.body);
      } catch (error) {
        throw new OutboxFullError("the page's storage takes no more records", { cause: error });
      }
      waiting.add(record);
    },
    oldest: (count, characters, except) => waiting.oldest(count, characters, except),
    acknowledge(stream, size) {
      for (const record of waiting.acknowledge(stream, size)) storage.removeItem(key(stream, record.seq));
    },
    waiting: () => waiting.size,
    close() {
      // The entries stay for the next page.
    },
  };
}

/** The records that earlier pages left, in the order of each stream. */
function left(storage: Storage, prefix: string): SealedRecord[] {
  const found: SealedRecord[] = [];
  for (let index = 0; index < storage.length; index += 1) {
    const name = storage.key(index);
    const body = name?.startsWith(prefix) ? storage.getItem(name) : null;
    if (body === null) continue;
    try {
      const { stream, seq, record_hash } = JSON.parse(body) as SealedRecord;
      if (typeof stream === "string" && typeof seq === "number" && typeof record_hash === "string") {
        found.push({ stream, seq, record_hash, body });
      }
    } catch {
      // Another script's entry under our name; it is left alone.
    }
  }
  return found.sort((one, other) => (one.stream === other.stream ? one.seq - other.seq : one.stream < other.stream ? -1 : 1));
}
