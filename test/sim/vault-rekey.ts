import type { WireAnswer, WireRequest } from '../../src/ports/vault.ts';
import type { Dice } from './dice.ts';
import { splitKey } from './gf256.ts';
import { done, no, ok, wrongOldSet } from './vault-answers.ts';
import { bytesOf, type Durable, type Fresh, hex, keyOf, opensWith } from './vault-disk.ts';

const NO_PGP = { pgp_fingerprints: null, backup: false };
const NONCE_NEEDED_FOR_MS = 600_000;

interface Rekey {
  readonly nonce: string;
  readonly shares: number;
  readonly threshold: number;
  readonly verify: boolean;
  readonly startedMs: number;
  given: Uint8Array[];
  fresh: { readonly kek: string } | undefined;
  verifyNonce: string;
  verified: Uint8Array[];
}

/** What the leader's rekey can do to the cluster. */
export interface RekeyHost {
  readonly dice: Dice;
  now(): number;
  disk(): Durable;
  /** The commit. False: a write failed and the server lives. */
  commit(fresh: Fresh): boolean;
}

/** The one rekey of a leader. It lives in memory: a restart, a seal, another leader, and it never was. */
export class SimRekey {
  readonly #host: RekeyHost;
  /** OpenBao says `rotation`, and more of it differs: which family is meant is told by this word. */
  readonly #word: 'rekey' | 'rotation';
  #rekey: Rekey | undefined;

  constructor(host: RekeyHost, word: 'rekey' | 'rotation') {
    this.#host = host;
    this.#word = word;
  }

  fingerprint(): string { return JSON.stringify(this.#rekey ?? null); }

  /** The same rekey in another world. */
  copy(host: RekeyHost): SimRekey {
    const twin = new SimRekey(host, this.#word);
    if (this.#rekey !== undefined) twin.#rekey = { ...this.#rekey, given: [...this.#rekey.given], verified: [...this.#rekey.verified] };
    return twin;
  }

  answer(end: string, { method, body: sent }: WireRequest): WireAnswer {
    const body = sent ?? {};
    const verb = method === 'POST' ? 'PUT' : method;
    switch (`${verb} ${end}`) {
      case 'GET init': return ok(this.#status());
      case 'PUT init': return this.#start(body);
      case 'DELETE init': return sent === undefined && this.#rekey !== undefined && this.#word === 'rekey' ? no(400, 'EOF') : this.#cancel(body);
      case 'PUT update': return this.#update(body);
      case 'GET verify': return this.#rekey === undefined ? no(400, `no ${this.#word} configuration found`) : ok(this.#verifyStatus(this.#rekey));
      case 'PUT verify': return this.#verify(body);
      case 'DELETE verify': return this.#resetVerify();
      default: return no(405);
    }
  }

  #status() {
    const rekey = this.#rekey;
    const required = this.#host.disk().seal.threshold;
    const old = this.#word === 'rekey';
    if (rekey === undefined) return old ? { nonce: '', started: false, t: 0, n: 0, progress: 0, required, ...NO_PGP, verification_required: false } : { started: false, t: 0, n: 0, required };
    const { nonce, threshold: t, shares: n, given, verify, verifyNonce } = rekey;
    return {
      nonce, started: true, t, n, progress: given.length, required, ...(old ? NO_PGP : {}), verification_required: verify, ...(verifyNonce === '' && old ? {} : { verification_nonce: verifyNonce }),
    };
  }

  #start(body: Readonly<Record<string, unknown>>): WireAnswer {
    if (this.#rekey !== undefined) return no(400, `${this.#word} already in progress`);
    const shares = Number(body['secret_shares']);
    const threshold = Number(body['secret_threshold']);
    const bad = badShape(shares, threshold)?.replace('invalid seal configuration: ', '');
    if (bad !== undefined) return this.#word === 'rekey' ? no(500, `invalid rekey seal configuration: ${bad}`) : no(400, `invalid rotate seal configuration: %!w(*errors.errorString=&{${bad}})`);
    const verify = body['require_verification'] === true;
    this.#rekey = { nonce: this.#host.dice.uuid(), shares, threshold, verify, startedMs: this.#host.now(), given: [], fresh: undefined, verifyNonce: '', verified: [] };
    return ok(this.#status());
  }

  #cancel(body: Readonly<Record<string, unknown>>): WireAnswer {
    const rekey = this.#rekey;
    if (rekey === undefined) return done;
    const mayOmit = this.#host.now() - rekey.startedMs >= NONCE_NEEDED_FOR_MS;
    // OpenBao cancels whatever is there, whoever asks.
    if (this.#word === 'rekey' && body['nonce'] !== rekey.nonce && !(mayOmit && (body['nonce'] ?? '') === '')) return no(400, 'invalid request');
    this.#rekey = undefined;
    return done;
  }

  #update(body: Readonly<Record<string, unknown>>): WireAnswer {
    const rekey = this.#rekey;
    if (rekey === undefined) return no(400, this.#word === 'rekey' ? 'no barrier rekey in progress' : 'no rotation in progress');
    if (body['nonce'] !== rekey.nonce) return no(400, `incorrect nonce supplied; nonce for ${this.#word === 'rekey' ? 'this rekey operation' : 'rotation'} is "${rekey.nonce}"`);
    if (rekey.fresh !== undefined) return no(400, `${this.#word === 'rekey' ? 'rekey operation' : 'rotation'} already finished; verification must be performed; nonce for the verification operation is "${rekey.verifyNonce}"`);
    const share = bytesOf(body['key']);
    if (share === undefined) return no(400, "'key' must be a valid hex or base64 string");
    if (rekey.given.some((known) => hex(known) === hex(share))) return no(400, `given key has already been provided during this ${this.#word === 'rekey' ? 'generation operation' : 'rotation'}`);
    rekey.given.push(share);
    const disk = this.#host.disk();
    if (rekey.given.length < disk.seal.threshold) return ok(this.#status());
    const key = keyOf(rekey.given);
    rekey.given = [];
    if (key === undefined) return no(500, 'failed to compute root key: duplicate part detected');
    if (!opensWith(disk, key)) return no(this.#word === 'rotation' ? 400 : 500, `failed to read root key: ${wrongOldSet(this.#word === 'rekey' ? 'vault' : 'openbao')}`);
    return this.#complete(rekey);
  }

  #complete(rekey: Rekey): WireAnswer {
    const { dice } = this.#host;
    const kek = dice.bytes(32);
    const shares = splitKey(kek, rekey.shares, rekey.threshold, dice);
    const keys = { keys: shares.map(hex), keys_base64: shares.map((share) => Buffer.from(share).toString('base64')) };
    if (!rekey.verify) {
      this.#rekey = undefined;
      if (!this.#host.commit({ kek: hex(kek), root: dice.hex(32), shares: rekey.shares, threshold: rekey.threshold })) return no(500, 'failed to perform rekey: storage failed');
      return ok({ nonce: rekey.nonce, complete: true, ...keys });
    }
    rekey.fresh = { kek: hex(kek) };
    rekey.verifyNonce = dice.uuid();
    return ok({ nonce: rekey.nonce, complete: true, ...keys, ...NO_PGP, verification_required: true, verification_nonce: rekey.verifyNonce });
  }

  #verifyStatus(rekey: Rekey) {
    return { nonce: rekey.verifyNonce, started: rekey.fresh !== undefined, t: rekey.threshold, n: rekey.shares, progress: rekey.verified.length };
  }

  #verify(body: Readonly<Record<string, unknown>>): WireAnswer {
    const rekey = this.#rekey;
    if (rekey?.fresh === undefined) return no(400, rekey === undefined ? `no ${this.#word} in progress` : `no ${this.#word} verification in progress`);
    if (body['nonce'] !== rekey.verifyNonce) return no(400, `incorrect nonce supplied; nonce for this verify operation is "${rekey.verifyNonce}"`);
    const share = bytesOf(body['key']);
    if (share === undefined) return no(400, "'key' must be a valid hex or base64 string");
    // OpenBao counts it twice.
    if (this.#word === 'rekey' && rekey.verified.some((known) => hex(known) === hex(share))) return no(400, 'given key has already been provided during this verify operation');
    rekey.verified.push(share);
    if (rekey.verified.length < rekey.threshold) return ok(this.#verifyStatus(rekey));
    const key = keyOf(rekey.verified);
    rekey.verified = [];
    const nonce = rekey.verifyNonce;
    rekey.verifyNonce = this.#host.dice.uuid();
    if (key === undefined) return no(400, `failed to compute key for verification: ${this.#word === 'rekey' ? 'duplicate part detected' : '%!w(*errors.errorString=&{duplicate part detected})'}`);
    if (key !== rekey.fresh.kek) return no(400, `${this.#word} verification failed; incorrect key shares supplied`);
    // Each attempt makes its own root key; the shares' key is the one that was handed out.
    if (!this.#host.commit({ kek: rekey.fresh.kek, root: this.#host.dice.hex(32), shares: rekey.shares, threshold: rekey.threshold })) return no(500, 'failed to perform rekey: storage failed');
    this.#rekey = undefined;
    return ok({ nonce, complete: true });
  }

  #resetVerify(): WireAnswer {
    if (this.#rekey === undefined) return no(400, `no ${this.#word} configuration found`);
    this.#rekey.verified = [];
    this.#rekey.verifyNonce = this.#host.dice.uuid();
    return ok(this.#verifyStatus(this.#rekey));
  }
}

export function badShape(shares: number, threshold: number): string | undefined {
  if (!Number.isInteger(shares) || shares < 1 || shares > 255 || !Number.isInteger(threshold) || threshold < 1) return 'invalid seal configuration: shares must be at least one';
  if (threshold > shares) return 'invalid seal configuration: threshold cannot be larger than shares';
  return shares > 1 && threshold === 1 ? 'invalid seal configuration: threshold must be greater than one for multiple shares' : undefined;
}
