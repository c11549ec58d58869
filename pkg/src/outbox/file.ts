// An outbox in a file, for Node: a line for each record, on the disk before the tool runs. One governor at a time owns
// it; the next one continues the stream and sends the rest. A line that a crash cut off was never acted on and is
// dropped.

import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { Waiting, ZERO_HASH } from "../outbox.js";
import { Lock } from "./lock.js";
import type { Outbox, OutboxLimits, SealedRecord, StreamHead } from "../outbox.js";

/** How an outbox in a file is set up. */
export interface FileOutboxOptions extends OutboxLimits {
  /** Whether every record is forced to the disk before `append` returns; true by default. */
  readonly sync?: boolean;
}

/** Sent lines are removed when the file is longer than this and nothing waits. */
const KEPT_BYTES = 1024 * 1024;

/**
 * An outbox in the file `path`, with `path.head` and `path.lock` next to it.
 *
 * @throws when another governor has it, in this program or another, or when it holds something else.
 */
export function fileOutbox(path: string, options: FileOutboxOptions = {}): Outbox {
  return new FileOutbox(resolve(path), options);
}

class FileOutbox implements Outbox {
  readonly #path: string;
  readonly #sync: boolean;
  readonly #waiting: Waiting;
  readonly #file: number;
  readonly #lock: Lock;
  /** The records that the server has. */
  #acknowledged: StreamHead | null;
  #last: StreamHead | null;
  #length: number;
  #broken: unknown;
  #isClosed = false;

  constructor(path: string, options: FileOutboxOptions) {
    this.#path = path;
    this.#sync = options.sync ?? true;
    this.#waiting = new Waiting(options);
    this.#lock = new Lock(path);
    try {
      this.#file = openSync(path, "a+", 0o600);
      this.#acknowledged = readHead(`${path}.head`);
      this.#last = this.#acknowledged;
      this.#length = this.#read();
      // A file that was just made is there after a crash only when its folder says so.
      syncFolder(path);
    } catch (error) {
      this.#lock.release();
      throw error;
    }
  }

  open(name: string): StreamHead {
    return this.#last ?? { stream: name, size: 0, record_hash: ZERO_HASH };
  }

  append(record: SealedRecord): void {
    if (this.#broken !== undefined) throw new Error(`\`${this.#path}\` cannot be written any more`, { cause: this.#broken });
    this.#waiting.makeSure(record);
    this.#makeSureOfLock();
    const line = Buffer.from(`${record.body}\n`);
    try {
      let written = 0;
      while (written < line.length) written += writeSync(this.#file, line, written);
      if (this.#sync) fsyncSync(this.#file);
    } catch (error) {
      this.#undo(error);
      throw error;
    }
    this.#length += line.length;
    this.#waiting.add(record);
    this.#last = headAfter(record);
  }

  oldest(count: number, characters: number, except?: ReadonlySet<string>): ReturnType<Outbox["oldest"]> {
    return this.#waiting.oldest(count, characters, except);
  }

  acknowledge(stream: string, size: number): void {
    this.#makeSureOfLock();
    const last = this.#waiting.acknowledge(stream, size).at(-1);
    if (last === undefined) return;
    this.#acknowledged = headAfter(last);
    writeHead(`${this.#path}.head`, this.#acknowledged);
    // The head is on the disk, so the lines before it can go; the next record goes on behind it.
    if (this.#waiting.size === 0 && this.#length > KEPT_BYTES) {
      ftruncateSync(this.#file, 0);
      this.#length = 0;
    }
  }

  waiting(): number {
    return this.#waiting.size;
  }

  close(): void {
    // The number of a closed file belongs to the next file that is opened, so it is closed once.
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#broken ??= new Error("it was closed");
    closeSync(this.#file);
    this.#lock.release();
  }

  /** A program that was suspended for a minute may have lost the file to another, and must not write into it. */
  #makeSureOfLock(): void {
    if (this.#isClosed) throw new Error(`\`${this.#path}\` was closed`);
    if (this.#lock.isHeld()) return;
    this.#broken ??= new Error("another program has taken its lock");
    throw new Error(`\`${this.#path}\` is not written any more`, { cause: this.#broken });
  }

  /** Reads the lines that were left; gives how many bytes of the file are whole lines. */
  #read(): number {
    const bytes = readFileSync(this.#path);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < bytes.length) ftruncateSync(this.#file, whole);
    const lines = bytes.subarray(0, whole).toString("utf8").split("\n").slice(0, -1);
    lines.forEach((body, index) => {
      const record = parse(body);
      if (record === null) throw new Error(`line ${index + 1} of \`${this.#path}\` is no record`);
      if (this.#acknowledged !== null && record.stream === this.#acknowledged.stream && record.seq < this.#acknowledged.size) return;
      if (this.#last !== null && (record.stream !== this.#last.stream || record.seq !== this.#last.size)) {
        throw new Error(`line ${index + 1} of \`${this.#path}\` does not follow the line before it; keep the file for who audits it, and begin another`);
      }
      this.#waiting.add(record);
      this.#last = headAfter(record);
    });
    return whole;
  }

  /** Removes a partly written line, so that the next one starts on its own line. */
  #undo(cause: unknown): void {
    try {
      ftruncateSync(this.#file, this.#length);
      fsyncSync(this.#file);
    } catch {
      this.#broken = cause;
    }
  }
}

function headAfter(record: SealedRecord): StreamHead {
  return { stream: record.stream, size: record.seq + 1, record_hash: record.record_hash };
}

function parse(body: string): SealedRecord | null {
  try {
    const { stream, seq, record_hash } = JSON.parse(body) as SealedRecord;
    const sound = typeof stream === "string" && Number.isSafeInteger(seq) && typeof record_hash === "string";
    return sound ? { stream, seq, record_hash, body } : null;
  } catch {
    return null;
  }
}

function readHead(path: string): StreamHead | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const head = JSON.parse(text) as StreamHead;
  if (typeof head.stream !== "string" || !Number.isSafeInteger(head.size)) throw new Error(`\`${path}\` is no head of a stream`);
  return head;
}

/** Writes the head to a temporary file and renames it, so that it is either the old one or the new one. */
function writeHead(path: string, head: StreamHead): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, "w", 0o600);
  try {
    writeSync(file, `${JSON.stringify(head)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  syncFolder(path);
}

function syncFolder(path: string): void {
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } catch {
    // Windows knows no such thing.
  } finally {
    closeSync(folder);
  }
}
