// The package in Node, required: it has no top-level await, so Node gives the module itself.
const faramesh = require("faramesh");

import("./three.mjs").then(async ({ three }) => console.log(JSON.stringify(await three(faramesh))));
