import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/adapters/clock.ts';
import { parseCheckpoint } from '../src/credentials/checkpoint.ts';
import type { KeySet } from '../src/model/keys.ts';
import type { VaultHands } from '../src/vault/hands.ts';
import { openNode } from '../src/vault/unseal.ts';
import { killAfterWrites } from '../test/real/half-commit.ts';
import { KilledWorld } from '../test/real/killed-world.ts';
import { handsOn, plainWire } from '../test/real/opened-vault.ts';
import { chosen, type Experiment, type Trial } from './experiment.ts';
import { straceMissing } from './file-calls.ts';
import { leftAlone, makeReady } from './flow.ts';
import { judged, restart, whatIsWrong } from './judge.ts';
import { inLanes } from './lanes.ts';

/** facts.md: nine or ten durable writes make up the commit of a rekey on raft; more are the server's own housekeeping. */
const MOST_WRITES = 10;
const ROUNDS = 3;
const ACTIVE_WITHIN_MS = 15_000;

/** It comes back while vaultctl waits for it, or only for the next run. */
interface Death { readonly writes: number; readonly round: number; readonly backAtOnce: boolean }

export const vaultCommit: Experiment = {
  name: 'vault-commit',
  title: 'Vault killed after each fdatasync of its own rekey commit',
  missing: straceMissing,
  trials: (scope) => inLanes([{
    start: () => KilledWorld.start(),
    items: async (world) => {
      await leftAlone(world, 'install');
      return chosen(Array.from({ length: ROUNDS }, (_, round) => Array.from({ length: MOST_WRITES }, (__, writes): Death => ({ writes: writes + 1, round: round + 1, backAtOnce: (writes + round) % 2 === 0 }))).flat(), scope);
    },
    strike,
  }]),
};

async function strike(world: KilledWorld, { writes, round, backAtOnce }: Death): Promise<Trial> {
  await makeReady(world, 'rotate');
  await data(world, 'PUT');
  const threshold = (JSON.parse(world.files()[0]!) as { key_threshold: number }).key_threshold;
  const before = world.front.requests.length;
  let shares = 0;
  let dead: Promise<number> | undefined;
  let back: Promise<void> | undefined;
  const { ended } = world.begin(['rotate']);
  world.front.onRequest(async ({ number, method, path }) => {
    if (number <= before || method !== 'PUT' || path !== 'sys/rekey/verify' || (shares += 1) !== threshold) return;
    dead = (await killAfterWrites(world.vault.node(0).pid!, writes)).over;
    if (backAtOnce) back = dead.then(async (seen) => { if (seen >= writes) { await world.vault.node(0).ended(); await world.vault.node(0).start(); } });
  });
  const struck = await ended;
  const seen = await dead;
  const what = `Vault killed after write ${writes} of its commit (round ${round})${backAtOnce ? ', and started at once' : ''}`;
  if (seen === undefined || seen < writes) {
    await world.vault.node(0).kill('SIGKILL');
    await world.vault.node(0).start();
    const trial = await judged(world, what, 'rotate', struck);
    return trial.outcome === 'kept' ? { what, outcome: 'missed' } : trial;
  }
  if (back === undefined) {
    await world.vault.node(0).ended();
    await world.vault.node(0).start();
  } else await back;
  if (struck.code === 1) return { what, outcome: 'wrong', seen: `an error that nobody thought of:\n${struck.text}` };
  const next = await world.run('rotate');
  if (next.code === 0) {
    const wrong = await whatIsWrong(world) ?? await data(world, 'GET');
    return wrong === undefined ? { what, outcome: 'kept' } : { what, outcome: wrong.includes('do not open') ? 'lost' : 'wrong', seen: wrong };
  }
  if (next.code !== 3 || !next.text.includes('--restore-snapshot')) return { what, outcome: 'wrong', seen: `the next run ended with ${next.code}:\n${next.text}` };
  const lie = await openedBy(world);
  if (lie !== undefined) return { what, outcome: 'wrong', seen: `it said that no set opens the server, and one of ${lie} does:\n${next.text}` };
  return broughtBack(world, what);
}

/** As the page says: emptied, then the snapshot of this rotation with the keys that open it. */
async function broughtBack(world: KilledWorld, what: string): Promise<Trial> {
  await world.vault.node(0).kill('SIGKILL');
  world.vault.node(0).wipe();
  await world.vault.node(0).start();
  const restored = await world.begin(['recover', '--restore-snapshot', '--confirm', 'kill']).ended;
  if (restored.code !== 0) return { what, outcome: 'lost', seen: `recover --restore-snapshot ended with ${restored.code}:\n${restored.text}` };
  const rotated = await world.run('rotate');
  if (rotated.code !== 0) return { what, outcome: 'wrong', seen: `a rotation after the snapshot was restored ended with ${rotated.code}:\n${rotated.text}` };
  const wrong = await whatIsWrong(world) ?? await data(world, 'GET');
  // What the operator set aside is not a leftover of the program's.
  return wrong === undefined ? { what, outcome: 'by-snapshot' } : { what, outcome: 'wrong', seen: wrong };
}

const POLICY = 'path "secret/data/app" { capabilities = ["read"] }';

/** What this Vault holds besides its keys. @returns what is amiss with it, or undefined */
async function data(world: KilledWorld, method: 'PUT' | 'GET'): Promise<string | undefined> {
  const { root_token: token } = JSON.parse(world.files()[0]!) as { root_token: string };
  // An open server that is still in its election answers 500.
  for (const end = Date.now() + ACTIVE_WITHIN_MS; ; await sleep(200)) {
    const answer = await fetch(`${world.vault.addresses[0]}/v1/sys/policies/acl/app`, { method, headers: { 'X-Vault-Token': token }, ...(method === 'PUT' ? { body: JSON.stringify({ policy: POLICY }) } : {}) });
    const text = await answer.text();
    if (answer.ok && (method === 'PUT' || text.includes(JSON.stringify(POLICY)))) return undefined;
    if (answer.status < 500 || Date.now() > end) return `the data of this Vault is gone: ${answer.status} to ${method} of a policy`;
  }
}

/** Any set on any manager, given to the restarted server. @returns the file whose set opens it and keeps it open */
async function openedBy(world: KilledWorld): Promise<string | undefined> {
  await restart(world);
  const wire = plainWire();
  try {
    const vault = handsOn(wire);
    for (const path of world.names.map((name) => world.keysFolder(name)).flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))) {
      const parsed = parseCheckpoint(readFileSync(path));
      if (parsed.is !== 'checkpoint') continue;
      const { top, old, new: fresh } = parsed.checkpoint;
      for (const set of [top, old, fresh]) if (set !== undefined && await staysOpen(vault, world.vault.addresses[0]!, set)) return path;
    }
    return undefined;
  } finally {
    wire.close();
  }
}

/** A server that was cut off between keyring and root key opens, and seals itself again. */
async function staysOpen(vault: VaultHands, address: string, set: KeySet): Promise<boolean> {
  if ((await openNode(vault, systemClock, address, set)).is !== 'open') return false;
  for (const end = Date.now() + ACTIVE_WITHIN_MS; Date.now() < end; await sleep(100)) {
    if ((await vault.sealStatus(address)).sealed) return false;
    if (await vault.health(address) === 'active') return true;
  }
  return false;
}
