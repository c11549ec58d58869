// Made from the Rust types by `cargo xtask codegen`; do not edit.

import type {
  ApprovalRequirement,
  Decision,
  Diagnostic,
  Effect,
  EngineHash,
  Explanation,
  FileHash,
  JsonError,
  LoadedFile,
  Outcome,
  PolicyHash,
  ProvenanceId,
  RawHash,
  ReasonCode,
  RecordHash,
  RecordKind,
  RequestHash,
  RiskLevel,
  RiskScore,
  RuleRef,
  ShadowOpinion,
  Status,
  Via,
} from "./wire.js";

/** An action in its current state. */
export type Action = {
  /** The agent that proposed it. */
  agent_id: string;
  /** Whether an answer of the caller would count; null when the action is not waiting for one, or the caller may not answer. */
  answerable: Answerable | null;
  /** Set when the outcome is `ABSTAIN`. */
  approval?: ApprovalRequirement;
  /** A one-time token for an approval link, made for the approver who asks and shown to no one else. It is present only while one answer of theirs would be enough; any answer to the action spends it. */
  approval_token: string | null;
  /** The answers of people so far. */
  approvals: PersonsAnswer[];
  /** Further facts, in canonical form. */
  context: { [key: string]: unknown };
  /** Whether the local stream that brought the action decided otherwise than this server's engine does. Then the decision is this server's, the status is `denied`, and nothing the stream says changes it. */
  contradicted: boolean;
  /** When the action was created. */
  created_at: string;
  /** The effect that corresponds to the outcome. */
  decision: Effect;
  /** How long the decision took, in microseconds. */
  duration_us: number;
  /** The tool's error, as the caller reported it; absent until there is one. */
  error?: string;
  /** Until when people may answer. */
  expires_at: string | null;
  /** Its id, a UUID. */
  id: string;
  /** The parameters of the action to show first: required ones, and those that the rule and the risk rules compare. */
  key_params?: string[];
  /** The operation of the tool. */
  operation: string;
  /** Whether the action may run. */
  outcome: Outcome;
  /** The arguments, in canonical form. */
  params: { [key: string]: unknown };
  /** Signed permits are not part of this version; the answer to `start` is the permission. */
  permit: null;
  /** The policies that decided. */
  policy_hash: PolicyHash;
  /** The number of the policy set that decided. */
  policy_version: string;
  /** The name of the key that sent the action; only for callers that see all actions. */
  principal?: string;
  /** Everything the decision depends on. */
  provenance_id: ProvenanceId;
  /** The action's bytes as they came; set only when they could not be read. */
  raw_hash?: RawHash;
  /** The reason, for people. */
  reason: string;
  /** The reason, for programs. */
  reason_code: ReasonCode;
  /** The last record about the action. */
  receipt: Receipt;
  /** The action; null when it could not be read. */
  request_hash: RequestHash | null;
  /** The tool's result, as the caller reported it; absent until there is one. */
  result?: unknown;
  /** The level that the score falls into. */
  risk_level: RiskLevel;
  /** The names of the risk rules that counted. */
  risk_rules: string[];
  /** The score, 0 to 100. */
  risk_score: RiskScore;
  /** The rule that decided; null when none did. */
  rule: RuleRef | null;
  /** The version of the engine's rules of deciding. */
  runtime_version: string;
  /** The opinions of files in shadow mode. */
  shadow?: ShadowOpinion[];
  /** Until when `start` is accepted; null when the action may not start. */
  start_by: string | null;
  /** The status of the action. */
  status: Status;
  /** The tool. */
  tool: string;
  /** When it last changed. */
  updated_at: string;
  /** Whether a caller is waiting for the answer, or was within the last 60 seconds; null unless the status is `pending_approval`. */
  waiting: boolean | null;
};

/** A page of actions, newest first. */
export type ActionPage = {
  /** The actions. */
  actions: Action[];
  /** The `cursor` of the next page; null on the last. */
  next_cursor: string | null;
  /** How many actions fit the filter in all. */
  total: number;
};

/** The records of an action. */
export type ActionRecords = {
  /** Oldest first, each byte for byte as it is stored. */
  events: (Record | string)[];
};

/** The outcomes of one agent's actions. */
export type AgentCounts = {
  /** Held. */
  ABSTAIN: number;
  /** May run. */
  EXECUTE: number;
  /** Halted. */
  HALT: number;
  /** The agent. */
  agent_id: string;
};

/** Whether an answer of the caller would count. */
export type Answerable = {
  /** Whether a yes would. */
  approve: boolean;
  /** Whether a no would. */
  reject: boolean;
  /** Why not; null when both would. */
  why_not: WhyNot | null;
};

/**
 * How people answered an action.
 *
 * - `approved`: At least one person approved it.
 * - `rejected`: At least one person rejected it.
 * - `any`: At least one person approved or rejected it.
 */
export type Answered = "approved" | "rejected" | "any";

/** A person's answer to a held action. */
export type ApprovalRequest = {
  /** Yes or no. */
  approve: boolean;
  /** Why. */
  reason?: string | null;
  /** The token of an approval link, instead of a key. */
  token?: string | null;
};

/** How many actions people answered, and how long that took. */
export type ApprovalStats = {
  /** How many were decided by people. */
  answered: number;
  /** The distribution of these times. */
  bins: WaitCount[];
  /** From creation to the last answer: half of them took this long or less. */
  median_ms: number | null;
  /** Nine of ten took this long or less. */
  p90_ms: number | null;
  /** How many are waiting for people. */
  pending: number;
};

/** The findings of an audit of the whole store. */
export type Audit = {
  /** Everything that is wrong; empty when nothing is. */
  problems: Finding[];
  /** How many records there are. */
  records: number;
  /** The streams, each as far as its records are right. */
  streams: CheckedStream[];
};

/** A policy file that was written or deleted. */
export type ChangedPolicy = {
  /** The findings about that set. */
  diagnostics: Diagnostic[];
  /** The hash of its bytes; null when it was deleted. */
  hash: FileHash | null;
  /** Its name. */
  name: string;
  /** The hash of the set that is in force now. */
  policy_hash: PolicyHash;
  /** The number of that set. */
  policy_version: string;
};

/** Policy files to check: either `files`, or `text` with a `name`. */
export type CheckRequest = {
  /** The texts of the files, by name. */
  files?: { [key: string]: string } | null;
  /** The name of the one file; `policy.yaml` when absent. */
  name?: string | null;
  /** The text of the one file. */
  text?: string | null;
};

/** The findings about policy files. */
export type CheckedPolicies = {
  /** All findings. */
  diagnostics: Diagnostic[];
  /** The description of each file; empty if one of them has an error. */
  files: LoadedFile[];
  /** The hash of the set. */
  policy_hash: PolicyHash;
  /** Whether the files could be activated together. */
  valid: boolean;
};

/** A stream that was checked. */
export type CheckedStream = {
  /** The hash of the last of them. */
  head: RecordHash;
  /** How many of its records are right. */
  size: number;
  /** Its name. */
  stream: string;
  /** Whether all are. */
  valid: boolean;
};

/** The tests of a policy, after they were deleted. */
export type DeletedTests = {
  /** Always null: there is no file any more. */
  hash: null;
  /** The name of the file. */
  name: string;
  /** The policy that was asked for. */
  policy: string;
};

/** A field of a decision that differs from the record; null where the field is missing. */
export type Difference = {
  /** The name of the field. */
  field: string;
  /** The recorded value. */
  recorded: unknown;
  /** The value now. */
  replayed: unknown;
};

/** The decision that an action would get; nothing is recorded. */
export type DryRun = {
  /** Set when the outcome is `ABSTAIN`. */
  approval?: ApprovalRequirement;
  /** The effect that corresponds to the outcome. */
  decision: Effect;
  /** The parameters of the action to show first: required ones, and those that the rule and the risk rules compare. */
  key_params?: string[];
  /** Whether the action may run. */
  outcome: Outcome;
  /** The policies that decided. */
  policy_hash: PolicyHash;
  /** The number of the policy set that decided. */
  policy_version: string;
  /** Everything the decision depends on. */
  provenance_id: ProvenanceId;
  /** The action's bytes as they came; set only when they could not be read. */
  raw_hash?: RawHash;
  /** The reason, for people. */
  reason: string;
  /** The reason, for programs. */
  reason_code: ReasonCode;
  /** The action; null when it could not be read. */
  request_hash: RequestHash | null;
  /** The level that the score falls into. */
  risk_level: RiskLevel;
  /** The names of the risk rules that counted. */
  risk_rules: string[];
  /** The score, 0 to 100. */
  risk_score: RiskScore;
  /** The rule that decided; null when none did. */
  rule: RuleRef | null;
  /** The version of the engine's rules of deciding. */
  runtime_version: string;
  /** The opinions of files in shadow mode. */
  shadow?: ShadowOpinion[];
};

/** The body of a request whose path says everything: an empty object, or no body. */
export type Empty = { [key: string]: unknown };

/**
 * A signed document: a DSSE envelope.
 *
 * The payload is canonical JSON with `bundle_version`, `engine_hash`, `expires_at`, `files` (`name`, `hash`, `content` in base64), `issued_at`, `max_age_seconds`, `policy_hash`, `policy_version` and `runtime_version`.
 */
export type Envelope = {
  /** The document, in base64. */
  payload: string;
  /** Always `application/vnd.faramesh.bundle+json`. */
  payloadType: "application/vnd.faramesh.bundle+json";
  /** At least one. */
  signatures: Signature[];
};

/**
 * The data of an event: a record, with its kind once more as `type`.
 *
 * `type` is the last member. Published clients look for the kind under that name; leave it out to verify the hash of
 * the record.
 */
export type Event = {
  /** The action that it is about; null if there is none. */
  action_id: string | null;
  /** When, RFC 3339 UTC with milliseconds. */
  at: string;
  /** The kind of the record. */
  kind: RecordKind;
  /** The hash of the record before it; 64 zeros for the first. */
  prev_hash: RecordHash;
  /** The hash of the record. */
  record_hash: RecordHash;
  /** The place in the stream, from 0. */
  seq: number;
  /** The stream. */
  stream: string;
  /** The kind of the record. */
  type: string;
  [key: string]: unknown;
};

/** Why the decision on an action is as it is. The server sends the engine's own bytes. */
export type Explained = {
  /** The trace of the decision. */
  explanation: Explanation;
  /** The action. */
  id: string;
  /** The policy set that decided. */
  policy_hash: PolicyHash;
  /** The number of that set. */
  policy_version: string;
};

/** The names of the files in which a policy set differs from the one before it. */
export type FileChange = {
  /** New files. */
  added: string[];
  /** Files with another text. */
  changed: string[];
  /** Files that are gone. */
  removed: string[];
};

/** A record or a row that differs from the recorded one. */
export type Finding = {
  /** The action that it is about, where it can be read. */
  action_id: string | null;
  /** The kind of the record, where it can be read. */
  kind: string | null;
  /** The problem, for people. */
  message: string;
  /** The problem, for programs. */
  problem: string;
  /** The row that it is about, such as ``key `ops` ``; null for a record. */
  row: string | null;
  /** The place in it, where there is one. */
  seq: number | null;
  /** The stream, where the finding is about a record. */
  stream: string | null;
};

/** How many actions were halted for one reason. */
export type HaltCount = {
  /** The number of actions. */
  count: number;
  /** The rule. */
  id: string | null;
  /** The file of the rule; null where no rule decided. */
  policy: string | null;
  /** The reason. */
  reason_code: ReasonCode;
};

/** The end of a stream: how many records it has, and the hash of the last. */
export type Head = {
  /** The hash of the last record; 64 zeros before the first. */
  record_hash: RecordHash;
  /** The number of records, which is the next `seq`. */
  size: number;
  /** The stream's name. */
  stream: string;
};

/** The server is alive. */
export type Health = {
  /** Always `ok`. */
  status: HealthStatus;
  /** The version of the server. */
  version: string;
};

/**
 * The one word of a server that is alive.
 *
 * - `ok`: It is alive.
 */
export type HealthStatus = "ok";

/** The proof. */
export type Identity = {
  /** The key that it is about. */
  key_id: string;
  /** The addresses at which the server listens, such as `127.0.0.1:8000`. */
  listening: string[];
  /** An HMAC-SHA256 in hexadecimal digits. */
  proof: string;
};

/** A public key as RFC 8037 writes it. */
export type Jwk = {
  /** `EdDSA`. */
  alg?: "EdDSA";
  /** `Ed25519`. */
  crv: "Ed25519";
  /** The thumbprint. */
  kid?: string;
  /** `OKP`. */
  kty: "OKP";
  /** `sig`. */
  use?: "sig";
  /** The 32 bytes in base64url. */
  x: string;
};

/** Several public keys, as RFC 7517 §5 writes them. */
export type JwkSet = {
  /** The keys. */
  keys: Jwk[];
};

/** An API key, without its text. */
export type Key = {
  /** The agents it may speak for, as globs; none means all. */
  agents: string[];
  /** Its approver roles. */
  approver_roles: string[];
  /** When it was made. */
  created_at: string;
  /** Until when it works. */
  expires_at: string | null;
  /** Its id, part of the key itself. */
  id: string;
  /** The text of the key, only in the answer that made it. */
  key?: string;
  /** Its name: the principal of everything done with it. */
  name: string;
  /** Since when it does not work. */
  revoked_at: string | null;
  /** Its role. */
  role: Role;
};

/** All API keys. */
export type KeyList = {
  /** Revoked ones too. */
  keys: Key[];
};

/** How many actions had a risk level. */
export type LevelCount = {
  /** The number of actions. */
  count: number;
  /** The level. */
  level: RiskLevel;
};

/** The credential with which a browser logs in: exactly one of the two. */
export type Login = {
  key: string;
} | {
  link: string;
};

/** A file by its name and hash. */
export type NamedHash = {
  /** The hash of its bytes. */
  hash: FileHash;
  /** The name of the file. */
  name: string;
};

/** A file with its text. */
export type NamedText = {
  /** The hash of its bytes. */
  hash: FileHash;
  /** Its name. */
  name: string;
  /** Its text. */
  text: string;
};

/**
 * An action that an agent proposes.
 *
 * The engine reads it from the request's own bytes, more strictly than JSON libraries do: a key that occurs twice, for example, makes it invalid.
 */
export type NewAction = {
  /** The agent that proposes it. */
  agent_id: string;
  /** Further facts to record and to match. */
  context?: { [key: string]: unknown };
  /** The operation of the tool; `call` when absent. */
  operation?: string;
  /** The arguments. */
  params?: { [key: string]: unknown };
  /** The tool. */
  tool: string;
};

/** An API key to make. */
export type NewKey = {
  /** The agents that the key may speak for, as globs. A key with the role `agent` names at least one; `*` means all. */
  agents?: string[];
  /** Its approver roles. */
  approver_roles?: string[];
  /** Until when it works, RFC 3339. */
  expires_at?: string | null;
  /** How long it works, such as `30d`; not together with `expires_at`. */
  expires_in?: string | null;
  /** Its name, which no other key has. */
  name: string;
  /** Its role. */
  role: Role;
};

/** Records of a wrapper that decided locally. */
export type NewRecords = {
  /** The records, in order. */
  records: Record[];
  /** The local stream that they belong to. */
  stream: string;
};

/**
 * Whether one part works.
 *
 * - `ok`: It works.
 * - `failed`: It does not.
 */
export type PartStatus = "ok" | "failed";

/** A change of the policy folder that is not finished, so the set before it stays in force. */
export type PendingEdit = {
  /** The files that differ from those in force; only for callers that see everything. */
  files?: string[];
  /** The sentence. */
  reason: string;
};

/**
 * The right that a request needs.
 *
 * - `see_own`: See what one has sent oneself, and which policy files are in force.
 * - `see_all`: See all actions, all records and the policies' text.
 * - `approve`: Answer a request for approval.
 * - `edit_policies`: Change policy files.
 * - `manage_keys`: Create and revoke keys.
 * - `submit`: Submit actions, start them, report results.
 */
export type Permission = "see_own" | "see_all" | "approve" | "edit_policies" | "manage_keys" | "submit";

/** One person's answer to a held action. */
export type PersonsAnswer = {
  /** Yes or no. */
  approve: boolean;
  /** When. */
  at: string;
  /** The local stream that claims the answer. The server has not checked it. */
  claimed_by: string | null;
  /** Whether this yes counts toward the policy's requirement: not when its key was revoked, or when a stream only claims it. Null for a no, and when the action is no longer waiting. */
  counts: boolean | null;
  /** The id of the person's key. */
  key_id: string | null;
  /** The person's name. Names are for reading; `key_id` is what tells people apart. */
  principal: string;
  /** The person's reason. */
  reason: string | null;
  /** The roles that the person may approve as. */
  roles: string[];
  /** How the person is known. */
  via: Via | null;
};

/** The policy sets that were activated. */
export type PolicyHistory = {
  /** Newest first. */
  history: PolicyVersion[];
};

/**
 * The policy files in force.
 *
 * `summaries`, `diagnostics`, `trouble` and `pending` are only for callers that see everything.
 */
export type PolicyList = {
  /** The findings about the files in force. */
  diagnostics?: Diagnostic[];
  /** The names and hashes of the files. */
  files: NamedHash[];
  /** An unfinished change of the policy folder; null if there is none. */
  pending?: PendingEdit | null;
  /** The hash of the set. */
  policy_hash: PolicyHash;
  /** The number of the set. */
  policy_version: string;
  /** The description of each file. */
  summaries?: LoadedFile[];
  /** Why the policy folder's content is not in force; null when it is. */
  trouble?: Trouble | null;
};

/**
 * Whether a policy is in force.
 *
 * - `in_force`: At least one file is.
 * - `none`: No file is, so every action halts.
 */
export type PolicyStatus = "in_force" | "none";

/** The tests of a policy. */
export type PolicyTests = {
  /** The hash of its bytes. */
  hash: FileHash;
  /** The name of the file. */
  name: string;
  /** The policy that was asked for. */
  policy: string;
  /** The text of the file. */
  text: string;
};

/** A policy file in force. */
export type PolicyText = {
  /** The hash of its bytes. */
  hash: FileHash;
  /** Its name. */
  name: string;
  /** The hash of the set. */
  policy_hash: PolicyHash;
  /** The number of the set. */
  policy_version: string;
  /** Its text. */
  text: string;
};

/** The files of a policy set that was in force once. */
export type PolicyTexts = {
  /** Its files. */
  files: NamedText[];
  /** The hash of the set. */
  policy_hash: PolicyHash;
};

/** A policy set that was activated. */
export type PolicyVersion = {
  /** When. */
  at: string;
  /** How it differs from the version before it. */
  change: FileChange;
  /** Its files. */
  files: NamedHash[];
  /** The hash of the set. */
  policy_hash: PolicyHash;
  /** Its number. */
  policy_version: string;
  /** The principal that activated it; `system` if it was found in the folder, null if the record does not say. */
  principal: string | null;
  /** The record of the activation. */
  receipt: Receipt;
};

/**
 * A request that was refused, and why: RFC 9457.
 *
 * `code` is stable. `outcome` is present where the caller asked what may run. The other members come with the codes
 * that need them.
 */
export type Problem = {
  /** The status of the action. */
  action_status?: Status;
  /** The agent that the caller may not speak for. */
  agent_id?: string;
  /** The kind. */
  code: ProblemCode;
  /** The column of the error in the body. */
  column?: number;
  /** A sentence for people. */
  detail: string;
  /** The findings about policies. */
  diagnostics?: Diagnostic[];
  /** The error in the action or the result. */
  error?: JsonError;
  /** With `precondition_failed`: the hash of the file, null if there is none. */
  hash?: FileHash | null;
  /** Advice. */
  help?: string;
  /** The action. */
  id?: string;
  /** The line of the error in the body, from 1. */
  line?: number;
  /** Always `HALT`: nothing may run. */
  outcome?: "HALT";
  /** The policy set. */
  policy_hash?: PolicyHash;
  /** The hash of an action that cannot be read. */
  raw_hash?: RawHash;
  /** The reason of the action's decision. */
  reason?: string;
  /** Why nothing may run. */
  reason_code?: ReasonCode;
  /** The record of an action that cannot be read. */
  receipt?: Receipt;
  /** The hash of the last of them. */
  record_hash?: RecordHash;
  /** The place of the record that is wrong. */
  seq?: number;
  /** The number of records of the stream that are stored. */
  size?: number;
  /** The HTTP status. */
  status: number;
  /** The stream. */
  stream?: string;
  /** The reason phrase of the status. */
  title: string;
  /** Always `about:blank`: `code` says more. */
  type: string;
};

/**
 * The kind of a problem, stable for programs.
 *
 * - `ambiguous_id`: The prefix fits more than one action.
 * - `bad_cursor`: `cursor` is not one that this server gave.
 * - `bad_event_id`: `Last-Event-ID` is not one that this server gave.
 * - `bad_policy_name`: The name cannot be that of a policy file.
 * - `incomplete_body`: The body could not be read to its end.
 * - `invalid_body`: The body is not the one that is described.
 * - `invalid_host`: The request has more than one `Host`.
 * - `invalid_idempotency_key`: `Idempotency-Key` cannot be one.
 * - `invalid_key`: The API key cannot be made as it is described.
 * - `invalid_precondition`: `If-Match` or `If-None-Match` is not one that the resource has.
 * - `invalid_query`: The query is not the one that is described.
 * - `invalid_stream`: The stream cannot be a local one.
 * - `key_required`: The request needs a key.
 * - `link_used`: The link was used, has expired, or is unknown.
 * - `session_expired`: The session has ended.
 * - `session_required`: The caller is not logged in.
 * - `wrong_key`: The key is unknown, revoked or expired.
 * - `agent_not_allowed`: The key may not speak for the agent.
 * - `csrf_required`: `X-CSRF-Token` is not the token of the session.
 * - `forbidden`: The role may not do this.
 * - `foreign_stream`: The stream belongs to another principal.
 * - `host_not_allowed`: `Host` names another server.
 * - `not_an_approver`: The caller may not approve.
 * - `origin_not_allowed`: The request comes from a page of another origin.
 * - `role_not_asked`: The policy asks for roles that the caller does not have.
 * - `self_approval`: The caller proposed the action.
 * - `token_not_enough`: One answer is not enough, so a link cannot give it.
 * - `wrong_token`: The approval token does not match this action.
 * - `not_found`: There is no such thing, or not for this caller.
 * - `method_not_allowed`: The resource does not have that method.
 * - `request_timeout`: The body did not arrive in time.
 * - `already_approved`: The caller has approved the action already.
 * - `chain_conflict`: The records differ from those that are stored.
 * - `chain_gap`: Records are missing between those stored and these.
 * - `idempotency_key_reused`: The `Idempotency-Key` was used with another body.
 * - `key_already_created`: The same request has made the key already.
 * - `last_admin`: The key is the last admin key that does not expire.
 * - `local_action`: Only the local stream can say more of its action.
 * - `name_taken`: There is a key of this name.
 * - `permit_expired`: The action was permitted and did not start in time.
 * - `policies_not_read`: Files in the policy folder that were meant to be read are not.
 * - `policies_pending`: The policy folder is being changed.
 * - `policy_changed`: The action was permitted, and the policies in force no longer permit it.
 * - `unknown_engine`: The engine that decided is not kept here.
 * - `unknown_policy`: The policy set that decided was never in force here.
 * - `wrong_status`: The action's status does not allow this.
 * - `precondition_failed`: The file is not the one that the request names.
 * - `body_too_large`: The body is too large.
 * - `unsupported_media_type`: The body is not JSON.
 * - `chain_broken`: A record does not continue the chain.
 * - `impossible_move`: A record moves an action where it cannot go.
 * - `invalid_action`: The action cannot be read.
 * - `invalid_record`: A record cannot be read.
 * - `invalid_result`: The result cannot be read.
 * - `policy_invalid`: The policy set has errors.
 * - `policy_tests_invalid`: The tests cannot be read.
 * - `too_early`: A record is from before the server's own records.
 * - `precondition_required`: The request does not say which version of the file it changes.
 * - `too_many_requests`: The caller has too many requests of this kind open.
 * - `busy`: The server has too many requests of this kind open.
 * - `engine_failure`: The engine failed, so nothing was decided.
 * - `no_policy`: No policy is in force.
 * - `not_decided`: The policies changed again and again while the request was decided.
 * - `policy_folder_failure`: The policy folder cannot be read or written.
 * - `store_failure`: The store failed, so nothing may run.
 */
export type ProblemCode = "ambiguous_id" | "bad_cursor" | "bad_event_id" | "bad_policy_name" | "incomplete_body" | "invalid_body" | "invalid_host" | "invalid_idempotency_key" | "invalid_key" | "invalid_precondition" | "invalid_query" | "invalid_stream" | "key_required" | "link_used" | "session_expired" | "session_required" | "wrong_key" | "agent_not_allowed" | "csrf_required" | "forbidden" | "foreign_stream" | "host_not_allowed" | "not_an_approver" | "origin_not_allowed" | "role_not_asked" | "self_approval" | "token_not_enough" | "wrong_token" | "not_found" | "method_not_allowed" | "request_timeout" | "already_approved" | "chain_conflict" | "chain_gap" | "idempotency_key_reused" | "key_already_created" | "last_admin" | "local_action" | "name_taken" | "permit_expired" | "policies_not_read" | "policies_pending" | "policy_changed" | "unknown_engine" | "unknown_policy" | "wrong_status" | "precondition_failed" | "body_too_large" | "unsupported_media_type" | "chain_broken" | "impossible_move" | "invalid_action" | "invalid_record" | "invalid_result" | "policy_invalid" | "policy_tests_invalid" | "too_early" | "precondition_required" | "too_many_requests" | "busy" | "engine_failure" | "no_policy" | "not_decided" | "policy_folder_failure" | "store_failure";

/** Whether the server can do its work. */
export type Ready = {
  /** Whether the engine answers. */
  engine: PartStatus;
  /** A change of the policy folder that is not finished. */
  pending: PendingEdit | null;
  /** Whether a policy is in force. */
  policy: PolicyStatus;
  /** The policy set in force. */
  policy_hash: PolicyHash;
  /** The number of that set. */
  policy_version: string;
  /** All of it in one word. */
  status: ReadyStatus;
  /** Whether the store writes. */
  store: PartStatus;
  /** Why the policy folder's content is not in force. */
  trouble: Trouble | null;
};

/**
 * Whether the server can do its work, in one word.
 *
 * - `ready`: Everything works.
 * - `degraded`: Everything works, but the policy folder's content was refused.
 * - `unavailable`: Nothing can be decided.
 */
export type ReadyStatus = "ready" | "degraded" | "unavailable";

/** Where a record is in the chain. */
export type Receipt = {
  /** The hash of the record. */
  record_hash: RecordHash;
  /** The place in the stream, from 0. */
  seq: number;
  /** The stream. */
  stream: string;
};

/** A recorded decision. */
export type RecentDecision = {
  /** The record. */
  record: Record | string;
  /** Whether the decision can be repeated from the inputs that the server keeps. */
  replayable: boolean;
  /** The current status of the action; null if there is no such action here. */
  status: Status | null;
  /** Why it cannot be made again. */
  why: string | null;
};

/** The newest recorded decisions. */
export type RecentDecisions = {
  /** Of all streams, newest first. */
  decisions: RecentDecision[];
};

/** A record of the chain. Its further members depend on `kind`. */
export type Record = {
  /** The action that it is about; null if there is none. */
  action_id: string | null;
  /** When, RFC 3339 UTC with milliseconds. */
  at: string;
  /** The kind of the record. */
  kind: RecordKind;
  /** The hash of the record before it; 64 zeros for the first. */
  prev_hash: RecordHash;
  /** The hash of the record. */
  record_hash: RecordHash;
  /** The place in the stream, from 0. */
  seq: number;
  /** The stream. */
  stream: string;
  [key: string]: unknown;
};

/** Records of a stream, in order. */
export type RecordPage = {
  /** Each byte for byte as it is stored. A page may end early; only one behind the last record is empty. */
  records: (Record | string)[];
};

/** Which recorded actions to simulate. */
export type Recorded = {
  /** The newest, at most this many. */
  limit?: number | null;
};

/** A recorded action, decided again. The server sends the engine's own bytes. */
export type Replay = {
  /** The action. */
  id: string;
  /** Whether every pass gave the recorded bytes. */
  match: boolean;
  /** One for each time the action was decided, oldest first. */
  passes: ReplayedPass[];
  /** Whether every pass was decided by the engine that this server runs. */
  same_engine: boolean;
};

/** One recorded decision, made again. */
export type ReplayedPass = {
  /** The fields that differ. */
  differences: Difference[];
  /** The engine that decided. */
  engine_hash: EngineHash;
  /** The kind of the record. */
  kind: RecordKind;
  /** Whether the bytes are the recorded ones. */
  match: boolean;
  /** The policy set that decided. */
  policy_hash: PolicyHash;
  /** The decision as it is recorded. */
  recorded: Decision;
  /** The decision as it is now. */
  replayed: Decision;
  /** Whether this server runs the same engine. */
  same_engine: boolean;
  /** The place of the record in its stream. */
  seq: number;
  /** The stream of the record. */
  stream: string;
};

/** How an action ended. */
export type ResultReport = {
  /** The tool's error. */
  error?: string | null;
  /** The tool's result. */
  result?: unknown;
  /** Whether the tool succeeded. */
  success: boolean;
};

/**
 * The purpose of a key.
 *
 * - `agent`: Submits actions and reports how they ended; sees only its own.
 * - `viewer`: Reads everything.
 * - `approver`: Reads everything and answers requests for approval.
 * - `editor`: Reads everything and changes policies.
 * - `admin`: All of it, and keys.
 */
export type Role = "agent" | "viewer" | "approver" | "editor" | "admin";

/** How many actions had a risk score from `from` to less than `to`; the last bin includes 100. */
export type ScoreCount = {
  /** The number of actions. */
  count: number;
  /** The lowest score. */
  from: number;
  /** The first score above the bin. */
  to: number;
};

/** The server that answers. */
export type ServerInfo = {
  /** The engine that it runs. */
  engine_hash: EngineHash;
  /** Its version. */
  version: string;
};

/** The principal that is logged in, or that holds the key. */
export type Session = {
  /** The agents that the key speaks for, as globs; none means all. */
  agents: string[];
  /** The approver roles of the key. */
  approver_roles: string[];
  /** The `X-CSRF-Token` of every request of the session that is not GET or HEAD; null for a caller with a key. */
  csrf_token: string | null;
  /** When the session ends if no further request comes; for a caller with a key, when the key expires. */
  expires_at: string | null;
  /** The permissions of the role; `see_own`, which every role has, is left out. */
  permissions: Permission[];
  /** The name of the key. */
  principal: string;
  /** The role of the key. */
  role: Role;
  /** The server. */
  server: ServerInfo;
};

/** A link that logs a browser in once. */
export type SessionLink = {
  /** Until when it works. */
  expires_at: string;
  /** Its address. The part behind `#` is the token for `POST /v1/session`. */
  url: string;
};

/** One signature of an `Envelope`. */
export type Signature = {
  /** The thumbprint of the key (RFC 7638). It is a hint: a reader trusts keys, not names of keys. */
  keyid: string;
  /** Ed25519 over the DSSE pre-authentication encoding, in base64. */
  sig: string;
};

/** Actions to decide under other policies. */
export type SimulateRequest = {
  /** The actions. One that cannot be read gets the `HALT` that it would get. */
  actions?: NewAction[];
  /** The texts of the candidate set's files, by name; the set in force when absent. */
  policies?: { [key: string]: string } | null;
  /** Recorded actions to add. */
  recorded?: Recorded | null;
};

/** The decisions that one action would get. */
export type Simulated = {
  /** Under the candidate set. */
  candidate: Decision;
  /** Whether the outcomes differ. */
  changed: boolean;
  /** Its id; null for an action that is not recorded. */
  id: string | null;
  /** Under the set in force. */
  in_force: Decision;
};

/** The decisions that actions would get. The server sends the engine's own bytes. */
export type Simulation = {
  /** How many actions get each outcome. */
  counts: SimulationCounts;
  /** The set in force. */
  in_force_policy_hash: PolicyHash;
  /** The candidate set. */
  policy_hash: PolicyHash;
  /** One for each action, in order. */
  results: Simulated[];
  /** How many actions change from one outcome, in force, to another, such as `EXECUTE->HALT`. */
  transitions: { [key: string]: number };
};

/** How many actions get each outcome, under both sets. */
export type SimulationCounts = {
  /** Under the candidate set. */
  candidate: { [key in Outcome]?: number };
  /** Under the set in force. */
  in_force: { [key in Outcome]?: number };
};

/** The statistics of a span. */
export type Stats = {
  /** The 20 most frequent agents. */
  agents: AgentCounts[];
  /** The approvals. */
  approvals: ApprovalStats;
  /** The length of a bucket, in milliseconds. */
  bucket_ms: number;
  /** Their outcomes, by the time at which they were created. */
  buckets: TimeBucket[];
  /** The risk levels of the first decisions. */
  risk: LevelCount[];
  /** The 10 rules and reasons that halted most. */
  rules: HaltCount[];
  /** The risk scores of the first decisions. */
  scores: ScoreCount[];
  /** The start of the span. */
  since: string;
  /** The number of actions in each status now. */
  statuses: { [key in Status]?: number };
  /** The 20 most frequent tools. */
  tools: ToolCounts[];
  /** The number of actions created in the span. */
  total: number;
  /** The end of the span. */
  until: string;
};

/** The heads of all streams. */
export type StreamHeads = {
  /** One for each stream. */
  heads: Head[];
};

/** The head of a local stream after records of it were ingested. */
export type TakenIn = {
  /** How many of the records are stored, whether they came now or before. */
  accepted: number;
  /** The hash of the last record; 64 zeros before the first. */
  record_hash: RecordHash;
  /** The number of records, which is the next `seq`. */
  size: number;
  /** The stream's name. */
  stream: string;
};

/** A part of the span. */
export type TimeBucket = {
  /** Held. */
  ABSTAIN: number;
  /** May run. */
  EXECUTE: number;
  /** Halted. */
  HALT: number;
  /** The start of the part. */
  at: string;
};

/** The outcomes of one tool's actions. */
export type ToolCounts = {
  /** Held. */
  ABSTAIN: number;
  /** May run. */
  EXECUTE: number;
  /** Halted. */
  HALT: number;
  /** The tool. */
  tool: string;
};

/** Why the content of the policy folder is not in force. */
export type Trouble = {
  /** The findings about that set. */
  diagnostics?: Diagnostic[];
  /** The hash of the set that was refused; null where the folder cannot be read. */
  policy_hash?: PolicyHash | null;
  /** The sentence. */
  reason: string;
};

/** How many answers took less than `to_ms`, and at least the `to_ms` of the bin before. */
export type WaitCount = {
  /** The number of answers. */
  count: number;
  /** The first duration above the bin; null for the last bin. */
  to_ms: number | null;
};

/**
 * Why an answer would not count.
 *
 * - `self_approval`: The caller proposed the action.
 * - `already_approved`: The caller has approved it already.
 * - `role_not_asked`: The policy asks for roles that the caller does not have.
 */
export type WhyNot = "self_approval" | "already_approved" | "role_not_asked";

/** Why a caller gives up an action. */
export type WithdrawRequest = {
  /** Why. */
  reason?: string | null;
};
