// The engine as base64 in the script itself, for hosts that can neither read a file nor import one.
import { ENGINE_BASE64 } from "../glue/inline.js";
import { useModule } from "../engine.js";
import { useHost } from "../host.js";

useHost({ name: "inline", background: true });
useModule(Uint8Array.from(atob(ENGINE_BASE64), (character) => character.charCodeAt(0)));
export * from "../index.js";
