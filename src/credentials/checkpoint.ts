import * as v from 'valibot';
import type { KeySet } from '../model/keys.ts';
import { keysOf, parseJson, parseKeys } from './key-file.ts';

export type Phase = 'intent' | 'held' | 'staged' | 'verifying' | 'committed';

/** What is known of the operation that wrote the checkpoint; no secret is in it. */
export interface CheckpointMeta {
  readonly format: 1;
  readonly operation: string;
  readonly flow: 'install' | 'rotate';
  readonly phase: Phase;
  readonly nodes: readonly string[];
  /** ISO 8601, for people. */
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly generation: number;
  readonly clusterId?: string;
  /** An empty nonce: the rekey was only intended. */
  readonly rekey?: { readonly nonce: string; readonly verificationNonce?: string; readonly shares: number; readonly threshold: number };
  readonly snapshots?: readonly { readonly host: string; readonly path: string }[];
}

/**
 * A temp file. `top`: the three keys at its top (an install's, an old playbook's, or NEW once it is live).
 * `old` and `new` stand below `vaultctl`, where an old playbook does not look. Without `meta` an old playbook wrote it.
 */
export interface Checkpoint { readonly meta?: CheckpointMeta; readonly top?: KeySet; readonly old?: KeySet; readonly new?: KeySet }

export type ParsedCheckpoint = { readonly is: 'checkpoint'; readonly checkpoint: Checkpoint } | { readonly is: 'blank' } | { readonly is: 'unreadable'; readonly why: string };

export function formatCheckpoint({ meta, top, old, new: fresh }: Checkpoint): Uint8Array {
  const vaultctl = meta === undefined ? {} : { vaultctl: { ...meta, ...(old === undefined ? {} : { old: keysOf(old) }), ...(fresh === undefined ? {} : { new: keysOf(fresh) }) } };
  return new TextEncoder().encode(`${JSON.stringify({ ...(top === undefined ? {} : keysOf(top)), ...vaultctl }, undefined, 2)}\n`);
}

const text = v.pipe(v.string(), v.maxLength(4096));
const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e9));
const metaSchema = v.object({
  format: v.literal(1), operation: text, flow: v.picklist(['install', 'rotate']), phase: v.picklist(['intent', 'held', 'staged', 'verifying', 'committed']),
  nodes: v.array(text), startedAt: text, updatedAt: text, generation: count, clusterId: v.optional(text),
  rekey: v.optional(v.object({ nonce: text, verificationNonce: v.optional(text), shares: count, threshold: count })),
  snapshots: v.optional(v.array(v.object({ host: text, path: text }))),
});

const KEYS = ['root_token', 'unseal_keys', 'key_threshold'];

/** Blank (empty or preallocated) is told from unreadable: a blank file never held a key. */
export function parseCheckpoint(bytes: Uint8Array): ParsedCheckpoint {
  const json = parseJson(bytes);
  if (json.is !== 'json') return json;
  const { value } = json;
  const no = (why: string): ParsedCheckpoint => ({ is: 'unreadable', why });
  let top: KeySet | undefined;
  if (KEYS.some((key) => Object.hasOwn(value, key))) {
    const keys = parseKeys(value);
    if (keys.is !== 'set') return keys;
    top = keys.set;
  }
  const own = value['vaultctl'];
  if (own === undefined) return top === undefined ? no('root_token is missing') : { is: 'checkpoint', checkpoint: { top } };
  if (typeof own !== 'object' || own === null || Array.isArray(own)) return no('vaultctl is not an object');
  const fields = own as Record<string, unknown>;
  if (typeof fields['format'] === 'number' && fields['format'] > 1) return no(`it was written by a newer vaultctl (format ${fields['format']})`);
  const meta = v.safeParse(metaSchema, fields);
  if (!meta.success) return no(`vaultctl.${v.getDotPath(meta.issues[0]) ?? ''} is wrong`);
  const sets: { old?: KeySet; new?: KeySet } = {};
  for (const name of ['old', 'new'] as const) {
    const part = fields[name];
    if (part === undefined) continue;
    if (typeof part !== 'object' || part === null) return no(`vaultctl.${name} is not an object`);
    const keys = parseKeys(part as Record<string, unknown>);
    if (keys.is !== 'set') return no(`vaultctl.${name}: ${keys.why}`);
    sets[name] = keys.set;
  }
  return { is: 'checkpoint', checkpoint: { meta: meta.output as CheckpointMeta, ...(top === undefined ? {} : { top }), ...sets } };
}
