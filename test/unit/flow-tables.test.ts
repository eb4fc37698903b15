import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Flow } from '../../src/engine/flow.ts';
import { type ConfigureStates, configure } from '../../src/flows/configure.ts';
import { type DistributeStates, distribute } from '../../src/flows/distribute.ts';
import { type InstallStates, install } from '../../src/flows/install.ts';
import { type ImportStates, recoverImport, recoverSnapshot, type RestoreStates } from '../../src/flows/recover.ts';
import { reinitialise, type ReinitialiseStates } from '../../src/flows/reinitialise.ts';
import { type RotateStates, rotate } from '../../src/flows/rotate.ts';
import { type UnsealStates, unseal } from '../../src/flows/unseal.ts';
import { type VerifyStates, verify } from '../../src/flows/verify.ts';

/** Every name of a states type, written so that a missing or an invented one does not compile. */
const states = <S>(names: Record<keyof S, true>): string[] => Object.keys(names);
const tail = { keysHeld: true, keysReplicated: true, unsealed: true, delivered: true, settled: true, done: true } as const;
const emptied = { declared: true, scaledDown: true, podsGone: true, claimsGone: true, scaledBack: true } as const;

interface Table { readonly flow: Flow<Record<string, unknown>>; readonly states: readonly string[] }
const table = <S>(flow: Flow<S>, names: Record<keyof S, true>): Table => ({ flow: flow as unknown as Flow<Record<string, unknown>>, states: states<S>(names) });

const tables: Record<string, Table> = {
  install: table<InstallStates>(install, { asked: true, prepared: true, charted: true, answering: true, virgin: true, intended: true, standing: true, ...tail, confirmed: true, configured: true, rounded: true }),
  rotate: table<RotateStates>(rotate, {
    asked: true, calm: true, interrupted: true, calledOff: true, current: true, open: true, saved: true, rekeying: true, newHeld: true, staged: true, committed: true,
    tokenChanging: true, tokenKept: true, reopened: true, promoted: true, settled: true, done: true,
  }),
  distribute: table<DistributeStates>(distribute, { asked: true, standing: true, keysHeld: true, keysReplicated: true, delivered: true, settled: true, done: true }),
  unseal: table<UnsealStates>(unseal, { asked: true, opened: true }),
  verify: table<VerifyStates>(verify, { asked: true, standing: true, equal: true, whole: true, bound: true, live: true, tokened: true, done: true }),
  configure: table<ConfigureStates>(configure, { asked: true, standing: true, tokened: true, configured: true, done: true }),
  'recover --import': table<ImportStates>(recoverImport([]), { asked: true, standing: true, ...tail }),
  'recover --restore-snapshot': table<RestoreStates>(recoverSnapshot, {
    asked: true, standing: true, full: true, agreed: true, ...emptied, empty: true, found: true, restored: true, ...tail,
  }),
  'recover --reinitialise': table<ReinitialiseStates>(reinitialise, {
    begun: true, lost: true, agreed: true, cleared: true, ...emptied, asked: true, prepared: true, charted: true, answering: true, virgin: true, intended: true, standing: true, ...tail, confirmed: true, configured: true, rounded: true,
  }),
};

const targets = ({ arrows }: Flow<Record<string, unknown>>, from: string) => arrows.filter((arrow) => arrow.from === from).flatMap((arrow) => (arrow.is === 'step' ? [arrow.to] : arrow.to));

function reachableFrom(flow: Flow<Record<string, unknown>>, start: string): Set<string> {
  const seen = new Set<string>();
  const open = [start];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    if (seen.has(state)) continue;
    seen.add(state);
    open.push(...targets(flow, state));
  }
  return seen;
}

for (const [name, { flow, states: all }] of Object.entries(tables)) {
  describe(`the table of ${name}`, () => {
    it('bears its name', () => { assert.equal(flow.name, name); });

    it('has exactly one arrow from every state, and none from its end', () => {
      for (const state of all) assert.equal(flow.arrows.filter(({ from }) => from === state).length, state === flow.end ? 0 : 1, state);
    });

    it('names no state that its type does not know', () => {
      for (const arrow of flow.arrows) for (const state of [arrow.from, ...(arrow.is === 'step' ? [arrow.to] : arrow.to)]) assert.ok(all.includes(state), state);
    });

    it('reaches every state from its start, and its end from every state', () => {
      assert.deepEqual([...reachableFrom(flow, flow.start)].toSorted(), all.toSorted());
      for (const state of all) assert.ok(reachableFrom(flow, state).has(flow.end), state);
    });

    it('never goes in a circle by its steps alone: only a fork may lead back', () => {
      for (const state of all) {
        let at: string | undefined = state;
        for (let count = 0; at !== undefined; count += 1) {
          assert.ok(count <= all.length, `a circle from ${state}`);
          const leaving = flow.arrows.find((arrow) => arrow.from === at);
          at = leaving?.is === 'step' ? leaving.to : undefined;
        }
      }
    });

    it('has titles that a person reads, no two alike along the way', () => {
      const titles = flow.arrows.map((arrow) => (arrow.is === 'step' ? arrow.step.title : arrow.fork.title));
      for (const title of titles) assert.match(title, /^\S.{3,}\S$/);
      const repeated = titles.filter((title, index) => titles.indexOf(title) !== index);
      // A rotation unseals before it, and again what a commit cut short has sealed.
      assert.deepEqual(repeated, name === 'rotate' ? ['unseal every Vault node'] : []);
    });
  });
}

describe('what happens once', () => {
  const onceIn = (name: string) => tables[name]!.flow.arrows.flatMap((arrow) => (arrow.is === 'step' && arrow.step.kind === 'once' ? [arrow.step.name] : []));

  it('is init in an install; the last update share, verify and a new token in a rotation; a restore', () => {
    assert.deepEqual(onceIn('install'), ['init-vault']);
    assert.deepEqual(onceIn('rotate'), ['collect-new-shares', 'verify-rekey', 'change-token']);
    assert.deepEqual(onceIn('recover --restore-snapshot'), ['restore-snapshot']);
    for (const name of ['unseal', 'verify', 'distribute', 'recover --import']) assert.deepEqual(onceIn(name), []);
  });

  it('comes after the record that makes its loss known, and before the files are delivered', () => {
    const order = (name: string) => tables[name]!.flow.arrows.map((arrow) => (arrow.is === 'step' ? arrow.step.name : arrow.fork.name));
    const before = (name: string, ...steps: string[]) => { const found = steps.map((step) => order(name).indexOf(step)); assert.deepEqual(found, found.toSorted((a, b) => a - b)); assert.ok(!found.includes(-1)); };
    before('install', 'declare-intent', 'init-vault', 'copy-checkpoint', 'deliver-keys', 'clear-checkpoints', 'confirm-end');
    before('rotate', 'take-snapshot', 'start-rekey', 'collect-new-shares', 'stage-keys', 'verify-rekey', 'deliver-keys', 'clear-checkpoints', 'confirm-end');
  });
});

describe('the flows', () => {
  it('are all examined here', () => {
    const folder = fileURLToPath(new URL('../../src/flows', import.meta.url));
    const written = readdirSync(folder).flatMap((file) => [...readFileSync(`${folder}/${file}`, 'utf8').matchAll(/name: '([^']+)'/g)].map((match) => match[1] ?? ''));
    assert.deepEqual(written.toSorted(), Object.keys(tables).toSorted());
  });
});
