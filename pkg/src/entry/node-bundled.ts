// Node in a bundle: bundlers name the condition `module`, and Node itself does not. A bundle has no place of its own on
// the disk from which a file could be read, and as CommonJS it has no `import.meta.url`; so the engine comes in the script.
import { ENGINE_BASE64 } from "../glue/inline.js";
import { useModule } from "../engine.js";
import { useNode } from "../node-host.js";

useNode("node");
useModule(Uint8Array.from(atob(ENGINE_BASE64), (character) => character.charCodeAt(0)));
export * from "../index.js";
