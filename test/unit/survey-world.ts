import type { About } from '../../src/credentials/about.ts';
import type { Checkpoint, CheckpointMeta } from '../../src/credentials/checkpoint.ts';
import { formatCheckpoint } from '../../src/credentials/checkpoint.ts';
import { formatKeyFile } from '../../src/credentials/key-file.ts';
import type { ManagerSight, NodeSight, Paper, ReachedManager, Role, Survey } from '../../src/engine/survey.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { Secret } from '../../src/model/secret.ts';
import { type Manager, plainSsh } from '../../src/model/settings.ts';
import { type HostEyes, HostError } from '../../src/ports/hosts.ts';

/** A set told by one number: equal numbers are equal sets. */
export function keys(generation: number, token = 'hvs.token-of-a-test'): KeySet {
  const share = (index: number) => new Secret(Buffer.alloc(33, generation * 16 + index).toString('base64'));
  return { rootToken: new Secret(token), shares: [share(1), share(2), share(3)], threshold: 2 };
}

export const pathOf: Record<Role, string> = {
  main: '/k/vault-unseal.json', install: '/k/init.tmp', rotate: '/k/rotate.tmp', previous: '/k/vault-unseal.previous.json', sibling: '/k/.vault-unseal.json.ab12.keys',
};

export function manager(name: string): Manager {
  return {
    name, connection: 'ssh', address: name, port: undefined, user: undefined, password: undefined, privateKeyFile: undefined, become: false, becomeMethod: 'sudo', becomeExe: undefined, becomeFlags: [], becomeUser: 'root', becomePassword: undefined, shell: undefined, transport: 'auto',
    paths: {
      main: pathOf.main, installCheckpoint: pathOf.install, rotateCheckpoint: pathOf.rotate, previous: pathOf.previous,
      about: '/k/vault-unseal.about.json', lock: '/k/.vaultctl.lock', snapshots: '/s', journal: '/s/journal.ndjson',
    },
    ssh: plainSsh,
    connectTimeoutMs: 1000,
  };
}

const meta: CheckpointMeta = {
  format: 1, operation: 'op', flow: 'install', phase: 'held', nodes: [], startedAt: '2026-11-22T03:00:00.000Z', updatedAt: '2026-11-22T03:00:00.000Z', generation: 1,
};
export const installHeld = (set: KeySet): Checkpoint => ({ meta, top: set });
export const installIntent: Checkpoint = { meta: { ...meta, phase: 'intent' } };
export const rotateIntent = (old: KeySet): Checkpoint => ({ meta: { ...meta, flow: 'rotate', phase: 'intent', generation: 2 }, old });
export const rotateStaged = (old: KeySet, fresh: KeySet): Checkpoint => ({ meta: { ...meta, flow: 'rotate', phase: 'staged', generation: 2 }, old, new: fresh });

type What = { readonly set: KeySet } | { readonly checkpoint: Checkpoint } | { readonly unreadable: string } | 'blank';

export function paper(role: Role, what: What, more: Partial<Pick<Paper, 'tooOpen' | 'modifiedMs' | 'path'>> = {}): Paper {
  const base = { role, host: '', path: pathOf[role], modifiedMs: 0, tooOpen: false, throughLink: false, ...more };
  if (what === 'blank') return { ...base, is: 'blank' };
  if ('set' in what) return { ...base, is: 'set', set: what.set, bytes: formatKeyFile(what.set) };
  if ('checkpoint' in what) return { ...base, is: 'checkpoint', checkpoint: what.checkpoint, bytes: formatCheckpoint(what.checkpoint) };
  return { ...base, is: 'unreadable', why: what.unreadable };
}

const noEyes = (name: string): HostEyes => ({
  name, local: false, look: async () => { throw new Error('nobody looks'); }, fetch: () => { throw new Error('nobody fetches'); }, close: async () => undefined,
});

export function reachedManager(name: string, papers: readonly Paper[], about?: About): ReachedManager {
  const folder = { is: 'folder' as const, names: [], mode: 0o755, uid: 0, writable: true, link: false, spaceBytes: 1e9 };
  return {
    reached: true, manager: manager(name), host: noEyes(name), folder, about, papers: papers.map((each) => ({ ...each, host: name })),
    sight: { files: new Map(), siblings: new Map(), folders: new Map([['/k', folder]]), clockMs: 0, user: { uid: 0 }, hostname: name },
  };
}

export function lostManager(name: string): ManagerSight {
  return { reached: false, manager: manager(name), host: noEyes(name), error: new HostError(name, 'unreachable', 'no answer within 10 s') };
}

export function node(number: number, how: 'active' | 'standby' | 'sealed' | 'uninitialised' | 'away'): NodeSight {
  const address = `http://127.0.0.${number}:8200`;
  const at = { name: address, address };
  if (how === 'away') return { reached: false, node: at, error: new Error('connection refused') };
  const open = how === 'active' || how === 'standby';
  return {
    reached: true, node: at, health: how,
    status: {
      initialized: how !== 'uninitialised', sealed: !open, shares: 3, threshold: 2, progress: 0, type: 'shamir', storageType: 'raft', version: '1.21.0',
      clusterName: open ? 'test' : undefined, clusterId: open ? 'c0ffee' : undefined,
    },
  };
}

/** The valid default: three managers with the same main file, three nodes open, one of them active. Each test changes one thing. */
export function healthy(change: { managers?: readonly ManagerSight[]; nodes?: readonly NodeSight[] } = {}): Survey {
  return {
    managers: change.managers ?? ['node1', 'node2', 'node3'].map((name) => reachedManager(name, [paper('main', { set: keys(1) })])),
    nodes: change.nodes ?? [node(1, 'active'), node(2, 'standby'), node(3, 'standby')],
  };
}

/** `healthy` with other papers on some managers: `undefined` keeps the default main. */
export function withPapers(...papers: readonly (readonly Paper[] | 'away' | undefined)[]): readonly ManagerSight[] {
  return ['node1', 'node2', 'node3'].map((name, index) => {
    const these = papers[index];
    return these === 'away' ? lostManager(name) : reachedManager(name, these ?? [paper('main', { set: keys(1) })]);
  });
}
