// Where the editor's folder is, seen from where the compiler puts this file.

import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../..", import.meta.url));
