// Opens an outbox and says whether it has it: as a thread at once, as a process when it is told.

import { parentPort, workerData } from "node:worker_threads";

import { fileOutbox } from "faramesh/outbox/file";

function open(path: string): string {
  try {
    fileOutbox(path);
    return "held";
  } catch (error) {
    return (error as Error).message;
  }
}

if (parentPort !== null) {
  parentPort.postMessage(open(workerData as string));
} else {
  // Listening on keeps it alive until it is killed.
  process.on("message", () => process.send?.(open(process.argv[2] ?? "")));
  process.send?.("ready");
}
