// The project borrows Next from the folder that has installed it, which therefore must be inside the root.
const { NEXT_ROOT: root } = process.env;

export default { turbopack: { root }, outputFileTracingRoot: root };
