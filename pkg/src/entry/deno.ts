// Deno asks before a program reads a file, so the engine comes inside the script.
import { ENGINE_BASE64 } from "../glue/inline.js";
import { useModule } from "../engine.js";
import { useHost } from "../host.js";

useHost({ name: "deno", background: true });
useModule(Uint8Array.from(atob(ENGINE_BASE64), (character) => character.charCodeAt(0)));
export * from "../index.js";
