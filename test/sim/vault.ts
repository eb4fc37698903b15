import type { KeySet } from '../../src/model/keys.ts';
import type { Secret } from '../../src/model/secret.ts';
import { type WireAnswer, WireError, type WireRequest } from '../../src/ports/vault.ts';
import { Dice } from './dice.ts';
import { splitKey } from './gf256.ts';
import {
  barrierAlone, denied, done, enveloped, type Flavour, healthBody, leaderBody, no, noActive, noSnapshot, notInitialised, ok, type SealFacts, sealed, sealStatusBody, unknownToken, unsupported, unsupportedOperation, wrongSet,
} from './vault-answers.ts';
import { bytesOf, COMMIT, type CommitWrite, type Durable, type InitWrite, type Fresh, hex, keyOf, opensWith, sealsItself, type Token, written } from './vault-disk.ts';
import { badShape, type RekeyHost, SimRekey } from './vault-rekey.ts';
import { answerWithToken } from './vault-tokens.ts';
import { Died, type SimHook, SimWire } from './vault-wire.ts';

/**
 * Vault servers, simulated at the level of requests. Fault model:
 *
 * - Every node has a disk (what `Durable` says; a write is atomic and durable at once) and a memory that a crash, a restart
 *   and a seal empty: unseal progress, the opened keyring, the leader's rekey and its join challenges.
 * - Nodes of one cluster share a log: an entry reaches every node that is up and unsealed, and needs a majority of the
 *   voters. A node that is down or sealed keeps the disk it had, reports that disk's t and n, opens with the keys of that
 *   disk, and catches up once it is unsealed and there is a leader.
 * - Each request is one instant, with two exceptions, an init of three writes and the commit of a rekey of five: before each
 *   the `beforeWrite` hook may kill the server, or fail a write of the commit. An init that was cut off gave keys to nobody:
 *   after its first write the node says that it is empty and refuses every init, after its second it answers 500 to every
 *   look, after its third it is initialised. Of the commit: after the first and before the second no set of shares opens
 *   the disk; after the second and before the third NEW unseals it and the node that takes over seals itself, every time;
 *   from the third on NEW opens it, at the old threshold until the fifth.
 * - A failed write leaves the rekey in memory: verifying again runs the commit again, which mends it.
 * - The wire (one for each process) asks its hook before and after each request: `refuse` (nobody listens), `lose` (before:
 *   the request never came; after: the answer did not), `crash` (the server dies before or after acting; the answer is lost).
 *   A throw or a promise of the hook passes through to the caller: that is how its own process dies.
 * - Elections and a follower's last steps take the time of `clock`; everything else takes none. Chance comes from `seed`.
 * - `restoreOlder` and `rollBack` bring back what `remember` saw: somebody restores a raft snapshot through the leader (open
 *   nodes stay open), or every node's storage is put back and starts sealed. `harm` counts both.
 * - `steps-down`: another node is elected where there is one. With the rotate family a pending rekey stays with the node
 *   that led, and is back when leadership returns to it; with the rekey family it is gone.
 * - Its answers have the status, fields, types and errors of real ones (`test/contract/recorded/`): those of Vault 1.21, or
 *   with the rotate family those of OpenBao 2.6, which cancels a rotation whatever nonce it is given, counts a verify share
 *   twice, passes a snapshot on from a standby, and keeps a rotation that a standby was asked for in that standby alone.
 *   Values that nobody reads (times, build, modes) are made up.
 * - Not modelled: partitions between nodes, disks that lie, leases and policies (a token is root or nothing).
 */
export interface SimVaultOptions {
  readonly clock: { now(): number };
  readonly nodes?: number;
  readonly seed?: number;
  readonly electionMs?: number;
  readonly joinMs?: number;
  /** `sys/rekey` demands a token, as Vault 2 does. */
  readonly tokenForRekey?: boolean;
  /** `rotate`: OpenBao 2.5 and later. */
  readonly family?: 'rekey' | 'rotate';
  readonly sealType?: string;
  readonly storageType?: string;
}

export type WriteHook = (node: string, write: CommitWrite | InitWrite) => 'crash' | 'fail' | undefined | void;

export interface Node {
  readonly name: string;
  readonly address: string;
  up: boolean;
  disk: Durable | undefined;
  /** What its disk has of an init that was cut off. */
  begun: 'raft' | 'barrier' | undefined;
  /** The keyring is in memory. */
  open: boolean;
  given: Uint8Array[];
  nonce: string;
  /** The seal's numbers that memory still holds though the disk was replaced below it; a restart reads them anew. */
  cachedSeal: Durable['seal'] | undefined;
  /** What it goes on saying of itself, once, after its disk was replaced below it. */
  lastWords: SealFacts | undefined;
  /** It knows whom to join; `key` once its shares were accepted. */
  joining: { readonly leader: string; readonly clusterId: string; readonly seal: Durable['seal']; readonly acceptedMs: number | undefined } | undefined;
}

interface Leadership { readonly node: Node; readonly rekey: SimRekey; readonly challenges: Set<string> }

export class SimVault {
  readonly nodes: readonly Node[];
  readonly #options: Required<Omit<SimVaultOptions, 'nodes' | 'seed'>>;
  #dice: Dice;
  readonly #leaders = new Map<string, Leadership>();
  readonly #electionAt = new Map<string, number>();
  readonly #snapshots = new Map<string, Durable>();
  beforeWrite: WriteHook = () => undefined;
  /** OpenBao's standbys begin rotations of their own, which nobody else sees and which cannot be committed. No run asks a standby, so a clone goes without. */
  readonly #ofStandbys = new Map<string, SimRekey>();
  harm = 0;
  #past: readonly (readonly (Durable | undefined)[])[] = [];
  /** Who has just given up leadership: not elected where another can be. */
  #resigned: string | undefined;
  /** Of the rotate family: what a leader that stepped down still has in its memory. */
  readonly #parked = new Map<string, SimRekey>();

  constructor({ nodes = 1, seed = 1, ...options }: SimVaultOptions) {
    this.#options = { electionMs: 1000, joinMs: 500, tokenForRekey: false, family: 'rekey', sealType: 'shamir', storageType: 'raft', ...options };
    this.#dice = new Dice(seed);
    this.nodes = Array.from({ length: nodes }, (_, index): Node => ({
      name: `v${index + 1}`, address: `http://v${index + 1}:8200`, up: true, disk: undefined, begun: undefined, open: false, given: [], nonce: '', cachedSeal: undefined, lastWords: undefined, joining: undefined,
    }));
  }

  get addresses(): string[] { return this.nodes.map(({ address }) => address); }

  /** One process's way to the servers. */
  wire(hook: SimHook = () => undefined): SimWire { return new SimWire(this, hook); }

  crashNode(name: string): void { this.#close(this.node(name)); this.node(name).up = false; this.node(name).cachedSeal = undefined; this.node(name).lastWords = undefined; }
  startNode(name: string): void { this.node(name).up = true; }
  restartNode(name: string): void { this.crashNode(name); this.startNode(name); }
  sealNode(name: string): void { this.#close(this.node(name)); }
  /** Its storage is gone; it comes up as a virgin. */
  wipeNode(name: string): void { this.restartNode(name); Object.assign(this.node(name), { disk: undefined, begun: undefined }); }
  /** The leader of the only cluster gives up; an election follows. */
  stepDown(): void {
    this.#tick();
    for (const { node, rekey } of this.#leaders.values()) {
      this.#resigned = node.name;
      if (this.#options.family === 'rotate') this.#parked.set(node.name, rekey);
    }
    this.#leaders.clear();
  }

  /** Its disks as they are now can come back later. */
  remember(): void { this.#past = [this.snapshotState(), ...this.#past].slice(0, 8); }

  /** Somebody restores the snapshot of `back` memories ago (0: the last) through the leader. False: there is none, or nobody leads. */
  restoreOlder(back: number): boolean {
    this.#tick();
    const [leadership] = this.#leaders.values();
    const saved = this.#past[back]?.find((disk) => disk !== undefined && disk.clusterId === leadership?.node.disk?.clusterId);
    if (leadership === undefined || saved === undefined) return false;
    const { clusterId, voters, index } = leadership.node.disk!;
    for (const member of this.nodes) if (member.disk?.clusterId === clusterId && member.up && member.open) member.disk = { ...saved, voters, index: index + 1 };
    this.harm += 1;
    return true;
  }

  /** Every node's storage is as it was, and every node starts sealed. */
  rollBack(back: number): boolean {
    const disks = this.#past[back];
    if (disks === undefined) return false;
    this.putBack(disks);
    this.harm += 1;
    return true;
  }

  node(nameOrAddress: string): Node {
    const node = this.nodes.find(({ name, address }) => name === nameOrAddress || address === nameOrAddress);
    if (node === undefined) throw new Error(`no simulated node ${nameOrAddress}`);
    return node;
  }

  leader(): Node | undefined { this.#tick(); return [...this.#leaders.values()][0]?.node; }
  get initialised(): boolean { return this.nodes.some(({ disk }) => disk !== undefined); }

  /** Would this set bring the cluster up again, from what is on the disks now and a majority of them? */
  opens(set: KeySet): boolean {
    const key = keyOf(set.shares.slice(0, set.threshold).map((share) => bytesOf(share.reveal()) ?? new Uint8Array()));
    const newest = this.#newest();
    if (key === undefined || newest === undefined) return false;
    // Copies that lag behind hold votes too: they open with the keys of their time, and catch up.
    return opensWith(newest, key) && !sealsItself(newest) && this.nodes.filter(({ disk }) => disk?.clusterId === newest.clusterId).length * 2 > newest.voters.length;
  }

  /** The server's commit was cut off where no set opens it. */
  halfCommitted(): boolean {
    const newest = this.#newest();
    return newest !== undefined && (newest.storedKeys.root !== newest.keyring || sealsItself(newest));
  }

  /** Some server died in the middle of its own init: it holds nothing, and takes no other init. */
  initCutOff(): boolean { return this.nodes.some(({ begun }) => begun !== undefined); }

  /** Every disk as it is; a copy of the world to come back to, with `putBack`. */
  snapshotState(): readonly (Durable | undefined)[] { return this.nodes.map(({ disk }) => disk); }

  putBack(disks: readonly (Durable | undefined)[]): void { this.nodes.forEach((node, index) => { this.wipeNode(node.name); node.disk = disks[index]; }); }

  tokenIsValid(token: Secret): boolean { return this.#newest()?.tokens.some(({ value }) => value === token.reveal()) ?? false; }

  /** Equal texts, equal servers: disks and memories, but not their chance. */
  fingerprint(): string {
    const leaders = [...this.#leaders].map(([cluster, { node, rekey, challenges }]) => [cluster, node.name, rekey.fingerprint(), [...challenges]]);
    return JSON.stringify([this.nodes.map(({ name, up, disk, begun, open, given, joining }) => [name, up, disk, begun, open, given.map(hex), joining]), leaders, [...this.#electionAt.keys()], [...this.#parked].map(([name, rekey]) => [name, rekey.fingerprint()]), this.nodes.length > 1 ? this.#resigned : undefined]);
  }

  #newest(): Durable | undefined {
    return this.nodes.reduce<Durable | undefined>((best, { disk }) => (disk !== undefined && (best === undefined || disk.index > best.index) ? disk : best), undefined);
  }

  /** What a request does, once it has arrived. */
  serve(node: Node, request: WireRequest): WireAnswer {
    this.#tick();
    const method = request.method === 'POST' ? 'PUT' : request.method;
    switch (`${method} ${request.path}`) {
      case 'GET sys/seal-status': return this.#lookedAt(node);
      case 'GET sys/health': return this.#health(node);
      case 'PUT sys/init': return this.#init(node, request.body ?? {});
      case 'PUT sys/unseal': return this.#unseal(node, request.body ?? {});
      case 'PUT sys/storage/raft/join': return this.#join(node, request.body ?? {});
      case 'GET sys/leader': return this.#leaderAnswer(node);
      default: return this.#forwarded(node, request);
    }
  }

  died(node: Node): void { this.crashNode(node.name); }

  #close(node: Node): void {
    node.open = false;
    node.given = [];
    node.nonce = '';
    this.#ofStandbys.delete(node.name);
    this.#parked.delete(node.name);
    if (node.disk === undefined) node.joining = undefined;
    for (const [cluster, { node: leader }] of this.#leaders) if (leader === node) this.#leaders.delete(cluster);
  }

  /** What happens by itself as time goes by: elections, catching up, joins. */
  #tick(): void {
    const now = this.#options.clock.now();
    for (const cluster of new Set(this.nodes.flatMap(({ disk }) => (disk === undefined ? [] : [disk.clusterId])))) this.#elect(cluster, now);
    for (const node of this.nodes) {
      const leader = node.joining === undefined ? undefined : this.#leaders.get(node.joining.clusterId)?.node;
      if (!node.up || leader?.disk === undefined || node.joining?.acceptedMs === undefined || now < node.joining.acceptedMs + this.#options.joinMs) continue;
      node.joining = undefined;
      node.open = true;
      this.#append(leader, (disk) => ({ ...disk, voters: [...new Set([...disk.voters, node.name])] }));
      node.disk = leader.disk;
    }
  }

  #elect(cluster: string, now: number): void {
    const members = this.nodes.filter(({ disk }) => disk?.clusterId === cluster);
    const awake = members.filter(({ up, open }) => up && open);
    const best = this.#candidate(awake);
    const hasMajority = best !== undefined && awake.filter(({ name }) => best.disk!.voters.includes(name)).length * 2 > best.disk!.voters.length;
    if (best === undefined || !hasMajority) {
      this.#leaders.delete(cluster);
      this.#electionAt.delete(cluster);
      return;
    }
    const leader = this.#leaders.get(cluster)?.node;
    if (leader !== undefined) {
      for (const node of awake) node.disk = leader.disk;
      return;
    }
    const due = this.#electionAt.get(cluster) ?? now + this.#options.electionMs;
    this.#electionAt.set(cluster, due);
    if (now < due) return;
    this.#electionAt.delete(cluster);
    this.#takeOver(best, cluster, awake);
  }

  /** Whoever has the newest log; of equals not the one that has just resigned. */
  #candidate(awake: readonly Node[]): Node | undefined {
    const rank = ({ name, disk }: Node) => disk!.index * 2 + (name === this.#resigned ? 0 : 1);
    return awake.reduce<Node | undefined>((winner, node) => (winner === undefined || rank(node) > rank(winner) ? node : winner), undefined);
  }

  #takeOver(node: Node, cluster: string, awake: readonly Node[]): void {
    for (const follower of awake) follower.disk = node.disk;
    const disk = node.disk!;
    if (sealsItself(disk)) {
      // Whoever is elected next fails in the same way.
      for (const follower of awake) this.#close(follower);
      return;
    }
    const kept = this.#parked.get(node.name);
    this.#parked.delete(node.name);
    this.#leaders.set(cluster, { node, challenges: new Set(), rekey: kept ?? new SimRekey(this.#hostOf(node), this.#options.family === 'rotate' ? 'rotation' : 'rekey') });
  }

  #hostOf(node: Node): RekeyHost {
    return { dice: this.#dice, now: () => this.#options.clock.now(), disk: () => node.disk!, commit: (fresh: Fresh) => this.#commit(node, fresh) };
  }

  /** The same servers once more, memory and all, in a world with a clock of its own: what happens there does not happen here. */
  clone(clock: { now(): number }): SimVault {
    const twin = new SimVault({ ...this.#options, nodes: this.nodes.length, clock });
    twin.#dice = this.#dice.copy();
    this.nodes.forEach((node, index) => Object.assign(twin.nodes[index]!, node, { given: [...node.given] }));
    for (const [cluster, { node, rekey, challenges }] of this.#leaders) {
      const leader = twin.node(node.name);
      twin.#leaders.set(cluster, { node: leader, challenges: new Set(challenges), rekey: rekey.copy(twin.#hostOf(leader)) });
    }
    for (const [cluster, due] of this.#electionAt) twin.#electionAt.set(cluster, due);
    for (const [id, saved] of this.#snapshots) twin.#snapshots.set(id, saved);
    for (const [name, rekey] of this.#parked) twin.#parked.set(name, rekey.copy(twin.#hostOf(twin.node(name))));
    twin.harm = this.harm;
    twin.#past = this.#past;
    twin.#resigned = this.#resigned;
    return twin;
  }

  #commit(node: Node, fresh: Fresh): boolean {
    for (const write of COMMIT) {
      const fate = this.beforeWrite(node.name, write);
      if (fate === 'crash') throw new Died();
      if (fate === 'fail') return false;
      this.#append(node, (disk) => written(disk, write, fresh));
    }
    return true;
  }

  #append(leader: Node, change: (disk: Durable) => Durable): void {
    const next = change(leader.disk!);
    const entry = { ...next, index: leader.disk!.index + 1 };
    for (const node of this.nodes) if (node === leader || (node.up && node.open && node.disk?.clusterId === entry.clusterId)) node.disk = entry;
  }

  get #flavour(): Flavour { return this.#options.family === 'rotate' ? 'openbao' : 'vault'; }

  #sealFacts(node: Node): SealFacts {
    const { disk } = node;
    const seal = node.cachedSeal ?? disk?.seal ?? node.joining?.seal;
    const { sealType: type, storageType } = this.#options;
    return {
      type, storageType, initialized: seal !== undefined, sealed: !node.open, t: seal?.threshold ?? 0, n: seal?.shares ?? 0, progress: node.given.length, nonce: node.nonce, clusterId: node.open ? disk?.clusterId : undefined,
    };
  }

  #sealStatus(node: Node) { return sealStatusBody(this.#flavour, this.#sealFacts(node)); }

  #lookedAt(node: Node): WireAnswer {
    if (node.begun === 'barrier') return barrierAlone(500);
    const said = node.lastWords ?? this.#sealFacts(node);
    node.lastWords = undefined;
    return ok(sealStatusBody(this.#flavour, said));
  }

  #health(node: Node): WireAnswer {
    if (node.begun === 'barrier') return no(500);
    const facts = this.#sealFacts(node);
    const active = node.open && this.#leadership(node)?.node === node;
    return { status: !facts.initialized ? 501 : facts.sealed ? 503 : active ? 200 : 429, body: healthBody(this.#flavour, facts, active, this.#options.clock.now()) };
  }

  #leaderAnswer(node: Node): WireAnswer {
    if (!node.open) return sealed;
    const leader = this.#leadership(node)?.node;
    return ok(leaderBody(this.#flavour, leader === node, leader?.address ?? '', this.#options.storageType === 'raft' ? node.disk?.index : undefined));
  }

  #leadership(node: Node): Leadership | undefined { return node.disk === undefined ? undefined : this.#leaders.get(node.disk.clusterId); }

  #init(node: Node, body: Readonly<Record<string, unknown>>): WireAnswer {
    if (node.disk !== undefined || node.joining !== undefined) return no(400, 'Vault is already initialized');
    if (node.begun === 'barrier') return barrierAlone(400);
    const shares = Number(body['secret_shares']);
    const threshold = Number(body['secret_threshold']);
    const { sealType } = this.#options;
    if (sealType !== 'shamir' && shares > 0) return no(400, `parameters secret_shares,secret_threshold not applicable to seal type ${sealType}`);
    const bad = badShape(shares, threshold);
    if (bad !== undefined) return no(400, bad);
    if (node.begun === 'raft') return no(400, 'could not bootstrap clustered storage: error bootstrapping cluster: cluster already has state');
    this.#beginInit(node);
    const [kek, root] = [this.#dice.bytes(32), this.#dice.hex(32)];
    const token = this.#newToken('root');
    node.disk = {
      clusterId: this.#dice.uuid(), index: 1, voters: [node.name], seal: { shares, threshold }, storedKeys: { kek: hex(kek), root }, keyring: root, rootKey: root, shamirKek: hex(kek), tokens: [token], data: {},
    };
    const parts = splitKey(kek, shares, threshold, this.#dice);
    return ok({ keys: parts.map(hex), keys_base64: parts.map((part) => Buffer.from(part).toString('base64')), root_token: token.value });
  }

  #beginInit(node: Node): void {
    for (const write of ['raft', 'barrier', 'seal'] as const) {
      if (this.beforeWrite(node.name, write) === 'crash') throw new Died();
      node.begun = write === 'seal' ? undefined : write;
    }
  }

  #newToken(displayName: string): Token { return { value: `hvs.${this.#dice.hex(12)}`, accessor: this.#dice.hex(12), displayName }; }

  #unseal(node: Node, body: Readonly<Record<string, unknown>>): WireAnswer {
    if (body['reset'] === true) {
      if (node.open) return no(400, 'vault is unsealed');
      node.given = [];
      node.nonce = '';
      return ok(this.#sealStatus(node));
    }
    const share = bytesOf(body['key']);
    if (share === undefined) return no(400, "'key' must be a valid hex or base64 string");
    if (share.length < 16 || share.length > 33) return no(400, `invalid key: key is ${share.length < 16 ? 'shorter than minimum 16' : 'longer than maximum 33'} bytes`);
    const before = this.#sealStatus(node);
    if (!before.initialized) return notInitialised;
    if (node.open) return ok(before);
    if (node.given.length === 0) node.nonce = this.#dice.uuid();
    if (!node.given.some((known) => hex(known) === hex(share))) node.given.push(share);
    if (node.given.length < before.t) return ok(this.#sealStatus(node));
    const key = keyOf(node.given);
    node.given = [];
    node.nonce = '';
    if (key === undefined) return no(400, 'invalid key: failed to compute combined key: duplicate part detected');
    return node.disk === undefined ? this.#answerChallenge(node, key) : this.#openDisk(node, node.disk, key);
  }

  #openDisk(node: Node, disk: Durable, key: string): WireAnswer {
    if (disk.storedKeys.kek !== key) return no(400, `unable to retrieve stored keys: ${wrongSet(this.#flavour)}`);
    if (disk.storedKeys.root !== disk.keyring) return no(400, 'Unseal failed, invalid key');
    node.open = true;
    node.cachedSeal = undefined;
    this.#tick();
    return ok(this.#sealStatus(node));
  }

  #answerChallenge(node: Node, key: string): WireAnswer {
    const leadership = this.#leaders.get(node.joining!.clusterId);
    if (leadership === undefined) return no(500, 'Put "http://leader/v1/sys/storage/raft/bootstrap/answer": connect: connection refused');
    if (!leadership.challenges.has(node.name)) return no(500, 'Error making API request.\n\nURL: PUT http://leader/v1/sys/storage/raft/bootstrap/answer\nCode: 400. Errors:\n\n* no expected answer for the server id provided');
    if (!opensWith(leadership.node.disk!, key)) return no(500, 'error decrypting challenge: cipher: message authentication failed');
    leadership.challenges.delete(node.name);
    node.joining = { ...node.joining!, acceptedMs: this.#options.clock.now() };
    return ok(this.#sealStatus(node));
  }

  #join(node: Node, body: Readonly<Record<string, unknown>>): WireAnswer {
    if (node.disk !== undefined) return ok({ joined: true });
    const leader = this.nodes.find(({ address }) => address === body['leader_api_addr']);
    const leadership = leader === undefined || !leader.up ? undefined : this.#leadership(leader);
    if (leadership === undefined) return no(500, 'failed to join raft cluster: failed to get raft challenge');
    leadership.challenges.add(node.name);
    node.joining = { leader: leadership.node.name, clusterId: leadership.node.disk!.clusterId, seal: leadership.node.disk!.seal, acceptedMs: undefined };
    return ok({ joined: true });
  }

  /** What only the leader answers; standbys pass it on. */
  #forwarded(node: Node, request: WireRequest): WireAnswer {
    if (!node.open) return sealed;
    const leadership = this.#leadership(node);
    if (leadership === undefined) return noActive;
    const known = request.token !== undefined && leadership.node.disk!.tokens.some(({ value }) => value === request.token!.reveal());
    const refused = request.token === undefined ? denied : unknownToken(this.#flavour);
    const rekey = /^(sys\/rekey|sys\/rotate\/root)\/(init|update|verify)$/.exec(request.path);
    if (rekey === null) return known ? this.#withToken(leadership.node, request) : refused;
    const { family, tokenForRekey } = this.#options;
    if (rekey[1] === 'sys/rekey') {
      if (family === 'rotate') return unsupportedOperation;
      return tokenForRekey && !known ? refused : leadership.rekey.answer(rekey[2]!, request);
    }
    if (!known) return refused;
    if (family === 'rekey') return unsupported;
    const answer = (leadership.node === node ? leadership.rekey : this.#rekeyOfStandby(node)).answer(rekey[2]!, request);
    return answer.status === 200 ? enveloped(this.#flavour, { data: answer.body }) : answer;
  }

  #rekeyOfStandby(node: Node): SimRekey {
    const known = this.#ofStandbys.get(node.name) ?? new SimRekey({ ...this.#hostOf(node), commit: () => false }, 'rotation');
    this.#ofStandbys.set(node.name, known);
    return known;
  }

  #withToken(leader: Node, request: WireRequest): WireAnswer {
    return answerWithToken({ flavour: this.#flavour, disk: leader.disk!, append: (change) => this.#append(leader, change), newToken: (name) => this.#newToken(name) }, request);
  }

  /** The whole of the leader's storage, or why not. */
  snapshot(node: Node, request: WireRequest): Uint8Array | WireAnswer {
    this.#tick();
    const refusal = this.#snapshotRefusal(node, request);
    if (refusal !== undefined) return refusal;
    const id = this.#dice.uuid();
    this.#snapshots.set(id, this.#leadership(node)!.node.disk!);
    return new TextEncoder().encode(`sim-snapshot ${id} end\n`);
  }

  /**
   * Everything is replaced, keys too. A keyring of the same cluster can be read with what is in memory, and nothing is
   * sealed; with another's every node seals itself, and asks for the shares of the one that it was. For the next instant
   * (15 ms of a real one) it still says that it is unsealed, and the cluster that it was.
   */
  restore(node: Node, request: WireRequest, bytes: Uint8Array): WireAnswer {
    this.#tick();
    const refusal = this.#snapshotRefusal(node, request);
    if (refusal !== undefined) return refusal;
    const saved = this.#snapshots.get(/^sim-snapshot (\S+) end\n$/.exec(new TextDecoder().decode(bytes))?.[1] ?? '');
    if (saved === undefined) return noSnapshot;
    const leadership = this.#leadership(node)!;
    const { clusterId, voters, seal, index } = leadership.node.disk!;
    const before = new Map(this.nodes.map((member) => [member, this.#sealFacts(member)]));
    for (const member of this.nodes.filter((other) => other.disk?.clusterId === clusterId && other.up && other.open)) {
      member.disk = { ...saved, voters, index: Math.max(saved.index, index) + 1 };
      if (saved.clusterId === clusterId) continue;
      member.lastWords = before.get(member);
      this.#close(member);
      member.cachedSeal = seal;
    }
    return done;
  }

  #snapshotRefusal(node: Node, request: WireRequest): WireAnswer | undefined {
    if (!node.open) return sealed;
    const leadership = this.#leadership(node);
    if (leadership === undefined) return noActive;
    // Vault's standby points to the leader; OpenBao's passes it on.
    if (leadership.node !== node && this.#flavour === 'vault') throw new WireError(node.address, 'config', `${node.address}: answered 307, pointing to another host (${leadership.node.address})`);
    if (!leadership.node.disk!.tokens.some(({ value }) => value === request.token?.reveal())) return request.token === undefined ? denied : unknownToken(this.#flavour);
    return this.#options.storageType === 'raft' ? undefined : no(400, 'raft storage is not in use');
  }
}
