import * as v from 'valibot';
import { redact, type Secret } from '../model/secret.ts';
import { WireError, type WireAnswer } from '../ports/vault.ts';

export interface SealStatus {
  readonly initialized: boolean;
  readonly sealed: boolean;
  /** Number of shares and threshold as this node knows them: a standby or a sealed node may report old ones. */
  readonly shares: number;
  readonly threshold: number;
  readonly progress: number;
  /** `shamir`, or an auto-unseal seal that keeps recovery keys. */
  readonly type: string;
  readonly storageType: string | undefined;
  readonly version: string;
  /** Only while unsealed. */
  readonly clusterName: string | undefined;
  readonly clusterId: string | undefined;
}

export type Health = 'active' | 'standby' | 'sealed' | 'uninitialised' | 'replica' | 'removed' | 'unknown';

export interface RekeyStatus {
  readonly started: boolean;
  readonly nonce: string;
  /** Of the set that the rekey will give. */
  readonly shares: number;
  readonly threshold: number;
  /** Old shares given so far, of `required`; while verifying, new ones. */
  readonly progress: number;
  readonly required: number;
  readonly verificationRequired: boolean;
  /** The new shares are out and the server waits for them. */
  readonly verificationPending: boolean;
  readonly verificationNonce: string | undefined;
  readonly verificationProgress: number;
  readonly verification: boolean;
}

export type RekeyAnswer =
  | { readonly is: 'more'; readonly progress: number }
  | { readonly is: 'complete'; readonly shares: readonly Secret[]; readonly threshold: number; readonly verificationNonce: string }
  | { readonly is: 'rejected'; readonly why: string };

export type VerifyAnswer = { readonly is: 'more' } | { readonly is: 'complete' } | { readonly is: 'rejected' } | { readonly is: 'no-rekey' };

/** A server's sentence is shorter; what is longer would bury the operator's page. */
const LONGEST_SENTENCE = 2000;
const MOST_SENTENCES = 8;

/** The server said no, in words. They are redacted, for some servers quote what they were sent. */
export class VaultError extends Error {
  readonly status: number;
  readonly errors: readonly string[];
  readonly address: string;
  constructor(address: string, what: string, status: number, errors: readonly string[]) {
    // Redacted whole, then cut: half a secret would not be known as one.
    const clean = errors.slice(0, MOST_SENTENCES).map((text) => redact(text.trim()).slice(0, LONGEST_SENTENCE));
    super(`${what}: ${address} answered ${status}${clean.length === 0 ? '' : `: ${clean.join('; ').replaceAll('\n', ' ')}`}`);
    this.name = 'VaultError';
    this.address = address;
    this.status = status;
    this.errors = clean;
  }
  says(...words: string[]): boolean { return this.errors.some((text) => words.some((word) => text.includes(word))); }
}

/** What Vault and OpenBao answer to every look that died in their init after they wrote the barrier and before its seal (core/init). */
export function diedInItsInit(error: unknown): boolean {
  return error instanceof VaultError && error.says('barrier reports initialized but no seal configuration found');
}

/** What both answer to init where their storage is not empty, though no look says that it is initialised. */
export function findsState(error: unknown): error is VaultError {
  return error instanceof VaultError && error.says('cluster already has state');
}

const errorsSchema = v.object({ errors: v.array(v.string()) });

export function errorsOf(answer: WireAnswer): string[] {
  const parsed = v.safeParse(errorsSchema, answer.body);
  return parsed.success ? parsed.output.errors : [];
}

/** The answer in the shape that the endpoint promises; anything else is a wrong address, never a "no". @throws WireError */
export function shaped<T>(schema: v.GenericSchema<unknown, T>, address: string, what: string, answer: WireAnswer): T {
  const parsed = v.safeParse(schema, answer.body);
  if (parsed.success) return parsed.output;
  throw new WireError(address, 'config', `${what}: the answer of ${address} is not Vault's (${v.getDotPath(parsed.issues[0]!) ?? 'no JSON object'}): is this address a Vault server?`);
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1000));

export const sealStatusSchema = v.object({
  initialized: v.boolean(), sealed: v.boolean(), t: count, n: count, progress: count, type: v.string(), version: v.optional(v.string(), ''),
  storage_type: v.optional(v.string()), cluster_name: v.optional(v.string()), cluster_id: v.optional(v.string()),
});

export function sealStatusOf(body: v.InferOutput<typeof sealStatusSchema>): SealStatus {
  return {
    initialized: body.initialized, sealed: body.sealed, shares: body.n, threshold: body.t, progress: body.progress, type: body.type, version: body.version,
    storageType: body.storage_type || undefined, clusterName: body.cluster_name || undefined, clusterId: body.cluster_id || undefined,
  };
}

export const leaderSchema = v.object({ raft_committed_index: v.optional(v.number()), raft_applied_index: v.optional(v.number()) });

export const rekeyStatusSchema = v.object({
  nonce: v.optional(v.string(), ''), started: v.boolean(), t: v.optional(count, 0), n: v.optional(count, 0), progress: v.optional(count, 0), required: v.optional(count, 0),
  verification_required: v.optional(v.boolean(), false), verification_nonce: v.optional(v.string(), ''),
});

export const verifyStatusSchema = v.object({ nonce: v.optional(v.string(), ''), progress: v.optional(count, 0), started: v.optional(v.boolean(), true) });

export const rekeyUpdateSchema = v.object({
  complete: v.optional(v.boolean(), false), progress: v.optional(count, 0), keys_base64: v.optional(v.array(v.string())),
  verification_required: v.optional(v.boolean(), false), verification_nonce: v.optional(v.string(), ''),
});

export const verifyUpdateSchema = v.object({ complete: v.optional(v.boolean(), false), nonce: v.optional(v.string(), '') });

const texts = (list: unknown) => (Array.isArray(list) ? list.filter((item) => typeof item === 'string' && item !== '') as string[] : []);

/** Lenient on purpose: a reply that exists once is not thrown away over a part that is missing or wrong. Shares in base64. */
export const initSchema = v.pipe(
  v.object({ keys_base64: v.optional(v.unknown()), keys: v.optional(v.unknown()), root_token: v.optional(v.unknown()) }),
  v.transform(({ keys_base64: base64, keys: hex, root_token: token }) => {
    const [given, same] = [texts(base64), texts(hex).map((share) => Buffer.from(share, 'hex').toString('base64')).filter((share) => share !== '')];
    return { shares: given.length >= same.length ? given : same, rootToken: typeof token === 'string' ? token : '' };
  }),
  v.check(({ shares }) => shares.length > 0, 'no keys'),
);

export const tokenSchema = v.object({ auth: v.object({ client_token: v.pipe(v.string(), v.minLength(1)) }) });
export const accessorsSchema = v.object({ data: v.object({ keys: v.array(v.string()) }) });
export const lookupSchema = v.object({ data: v.object({ display_name: v.optional(v.string(), ''), accessor: v.optional(v.string(), '') }) });
