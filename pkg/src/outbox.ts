// Where records wait until the server has them: appended before a tool runs, and kept until the server says that it
// holds them. An outbox knows nothing of what a record says; records.ts makes them and sender.ts sends them.

/** Where a stream ends. */
export interface StreamHead {
  readonly stream: string;
  /** How many records it has, which is the next `seq`. */
  readonly size: number;
  /** The hash of the last; 64 zeros before the first. */
  readonly record_hash: string;
}

/** A record with its place and its hash. */
export interface SealedRecord {
  readonly stream: string;
  readonly seq: number;
  readonly record_hash: string;
  /** The whole record as canonical JSON. */
  readonly body: string;
}

/** Records of one stream that wait, in order and without gaps. */
export interface Batch {
  readonly stream: string;
  readonly records: readonly SealedRecord[];
}

/**
 * The storage for waiting records. Every method is synchronous: when `append` returns, the record is stored as durably
 * as this outbox can.
 */
export interface Outbox {
  /** Takes up the stream that was left here, or begins the one of this name. Called once, before the first record. */
  open(name: string): StreamHead;
  /** Keeps a record. Throws when it cannot, and has then kept nothing of it. */
  append(record: SealedRecord): void;
  /**
   * The oldest records of some stream, at most so many and so many characters, but at least one; null when none wait.
   * Streams in `except` are passed over; an outbox that only ever holds one may leave that out.
   */
  oldest(count: number, characters: number, except?: ReadonlySet<string>): Batch | null;
  /** The server holds the stream up to `size`: earlier records need not be kept. */
  acknowledge(stream: string, size: number): void;
  /** How many records wait. */
  waiting(): number;
  /** Releases the storage. Waiting records stay where they are. */
  close(): void;
}

/** How much an outbox takes. */
export interface OutboxLimits {
  /** The most records that wait; when there are more, nothing runs. 10,000 by default. */
  readonly maxRecords?: number;
  /** The most characters that wait; 32 Mi by default. */
  readonly maxCharacters?: number;
}

/** Thrown by `append` when as many records wait as may. */
export class OutboxFullError extends Error {
  override name = "OutboxFullError";
}

/** The hash before the first record. */
export const ZERO_HASH = "0".repeat(64);

/** The common part of this package's outboxes: the waiting records, by stream, in memory. */
export class Waiting {
  readonly #maxRecords: number;
  readonly #maxCharacters: number;
  readonly #streams = new Map<string, SealedRecord[]>();
  #records = 0;
  #characters = 0;

  constructor(limits: OutboxLimits = {}) {
    this.#maxRecords = limit("maxRecords", limits.maxRecords, 10_000);
    this.#maxCharacters = limit("maxCharacters", limits.maxCharacters, 32 * 1024 * 1024);
  }

  /** Throws when there is no room for `record`. */
  makeSure(record: SealedRecord): void {
    if (this.#records + 1 > this.#maxRecords || this.#characters + record.body.length > this.#maxCharacters) {
      throw new OutboxFullError(`the outbox is full: ${this.#records} records wait for the server`);
    }
  }

  /** Adds a record, whatever the limits say. */
  add(record: SealedRecord): void {
    const waiting = this.#streams.get(record.stream);
    if (waiting === undefined) this.#streams.set(record.stream, [record]);
    else waiting.push(record);
    this.#records += 1;
    this.#characters += record.body.length;
  }

  oldest(count: number, characters: number, except?: ReadonlySet<string>): Batch | null {
    for (const [stream, waiting] of this.#streams) {
      if (except?.has(stream)) continue;
      const records: SealedRecord[] = [];
      let sum = 0;
      for (const record of waiting) {
        sum += record.body.length;
        if (records.length > 0 && (records.length >= count || sum > characters)) break;
        records.push(record);
      }
      if (records.length > 0) return { stream, records };
    }
    return null;
  }

  /** Removes the records before `size`, and gives them. */
  acknowledge(stream: string, size: number): SealedRecord[] {
    const waiting = this.#streams.get(stream) ?? [];
    const kept = waiting.findIndex((record) => record.seq >= size);
    const gone = waiting.splice(0, kept < 0 ? waiting.length : kept);
    if (waiting.length === 0) this.#streams.delete(stream);
    this.#records -= gone.length;
    this.#characters -= gone.reduce((sum, record) => sum + record.body.length, 0);
    return gone;
  }

  get size(): number {
    return this.#records;
  }
}

function limit(name: string, given: number | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  if (!Number.isSafeInteger(given) || given < 1) throw new TypeError(`\`${name}\` is ${given}, and it must be a positive integer`);
  return given;
}

/**
 * An outbox in memory: what waits in it is lost when the program ends.
 *
 * Where that must not be, use `faramesh/outbox/file` in Node and `faramesh/outbox/web-storage` in a browser.
 */
export function memoryOutbox(limits: OutboxLimits = {}): Outbox {
  const waiting = new Waiting(limits);
  return {
    open: (name) => ({ stream: name, size: 0, record_hash: ZERO_HASH }),
    append(record) {
      waiting.makeSure(record);
      waiting.add(record);
    },
    oldest: (count, characters, except) => waiting.oldest(count, characters, except),
    acknowledge(stream, size) {
      waiting.acknowledge(stream, size);
    },
    waiting: () => waiting.size,
    close() {
      // Nothing is held but memory.
    },
  };
}
