// The peers, in the order of the tables. Names of files in `peers/`; nothing is loaded here.

/** Ours first, then engines that take a policy, then the one that evaluates expressions only. */
export const PEERS = [
  "faramesh",
  "agt",
  "casbin",
  "cedar-stateful",
  "cedar-stateless",
  "json-rules-engine",
  "zen",
  "cel",
];

/** Decides nothing: the cost of the request hash alone in plain JavaScript. */
export const FLOOR = "floor";

export const load = (peer) => import(`../peers/${peer}.mjs`);
