import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCheckpoint } from '../../src/credentials/checkpoint.ts';
import { parseKeyFile } from '../../src/credentials/key-file.ts';
import { check, nothingSeen, type Seen } from '../crash/invariant.ts';
import { describe as told, flowOf, type Verb, watched } from '../crash/resume.ts';
import { PATHS, World, type WorldShape } from '../sim/world.ts';
import { damage, shows } from './fuzz-damage.ts';

/** Files that are there and say something: to call them absent, or their cluster lost, would be a lie. */
const LIES = new Set(['credentials-lost', 'init-reply-lost', 'no-keys-for-snapshot', 'half-commit', 'other-cluster']);
const FILES = [PATHS.main, PATHS.installCheckpoint, PATHS.rotateCheckpoint, PATHS.previous, PATHS.about, PATHS.lock];

interface Stage { readonly name: string; readonly world: World; readonly seen: Seen; readonly verb: Verb }

/** The world in which `verb` died right after the first call that matches. */
async function diedAfter(world: World, seen: Seen, verb: Verb, call: RegExp): Promise<void> {
  let die = () => undefined as void;
  const { ending } = await world.run(flowOf(verb), {
    started: (kill) => { die = kill; },
    boundary: ({ port, where, what }, when) => { if (when === 'after' && call.test(`${port} ${where} ${what}`)) die(); },
  });
  assert.equal(told(ending), 'died');
  assert.equal(check(world, seen), undefined);
}

const after = (call: RegExp) => (verb: Verb) => (world: World, seen: Seen) => diedAfter(world, seen, verb, call);
const stages: readonly { readonly name: string; readonly verb: Verb; readonly installed: boolean; readonly died?: (world: World, seen: Seen) => Promise<void> }[] = [
  { name: 'installed', verb: 'install', installed: true },
  { name: 'about to be rotated', verb: 'rotate', installed: true },
  { name: 'dead in its install, the keys in the checkpoint', verb: 'install', installed: false, died: after(/^vault v1 PUT sys\/unseal/)('install') },
  { name: 'dead in its rotation, NEW staged and not verified', verb: 'rotate', installed: true, died: after(/^vault v1 PUT sys\/rekey\/verify/)('rotate') },
  { name: 'dead in its rotation, NEW live and not promoted', verb: 'rotate', installed: true, died: after(/^disk m1 rename .*vault-unseal\.json$/)('rotate') },
];

async function reach({ name, verb, installed, died }: (typeof stages)[number], shape: WorldShape): Promise<Stage> {
  const world = new World(shape);
  const seen = nothingSeen();
  if (installed) assert.equal(told((await watched(world, 'install', seen)).ending), 'done');
  await died?.(world, seen);
  return { name, world, seen, verb };
}

const liveOf = (world: World) => [...world.machines.values()].flatMap((machine) => [...machine.files()].flatMap(([path, bytes]) => {
  const main = parseKeyFile(bytes);
  const found = parseCheckpoint(bytes);
  const sets = main.is === 'set' ? [main.set] : found.is === 'checkpoint' ? [found.checkpoint.top, found.checkpoint.new, found.checkpoint.old] : [];
  return sets.flatMap((set) => (set !== undefined && world.vault.opens(set) ? [{ path, set }] : []));
}));

/** One file of one manager damaged while nobody ran, then the command that is due. */
async function resumed({ world: start, seen, verb }: Stage, host: number, file: string, content: Uint8Array): Promise<string> {
  const world = start.clone();
  const machine = world.machines.get(`m${host + 1}`)!;
  const was = machine.find(file)!.content;
  machine.file(file, content);
  const live = liveOf(world);
  const secrets = [was, content].flatMap((bytes) => Buffer.from(bytes).toString('latin1').match(/[A-Za-z0-9+/]{40,}|hvs\.\w+/g) ?? []);
  const { ending, said, wrong } = await watched(world, verb, live.length === 0 ? nothingSeen() : { ...seen, replicated: false });
  const how = told(ending);
  assert.equal(wrong, undefined, how);
  assert.ok(ending.is === 'done' || ending.is === 'halt', how);
  if (ending.is === 'halt') assert.ok(!LIES.has(ending.halt.text.code), `${how}: ${JSON.stringify(ending.halt.text.details)}`);
  assert.equal(shows(`${said.join('\n')}${ending.is === 'halt' ? JSON.stringify(ending.halt.text) : ''}`, secrets, 12), undefined, how);
  assert.ok(live.length === 0 || liveOf(world).length > 0, `${how}: a set that opens Vault was there before and is not there now`);
  const tokens = (sets: typeof live) => new Set(sets.filter(({ set }) => world.vault.tokenIsValid(set.rootToken)).map(({ set }) => set.rootToken.reveal()));
  assert.ok(tokens(live).size === 0 || tokens(liveOf(world)).size > 0, `${how}: a root token that Vault knows was there before and is not there now`);
  // What cannot be read is set aside and kept, unless nothing was in it, or the write that a resumed run makes anew.
  const unread = parseCheckpoint(content).is === 'unreadable' && file !== PATHS.about && file !== PATHS.lock;
  if (unread) assert.ok([...machine.files().values()].some((bytes) => Buffer.compare(bytes, content) === 0), `${how}: what stood in ${file} is nowhere any more`);
  return how;
}

for (const managers of [1, 2]) {
  describe(`a world of ${managers === 1 ? 'one manager' : 'two managers'}`, () => {
    const reachedStages: Stage[] = [];
    before(async () => { for (const stage of stages) reachedStages.push(await reach(stage, { managers, nodes: 1 })); });

    for (const [index, { name }] of stages.entries()) {
      it(`${name}: whatever happens to one of its files, the next run calls nothing lost that is there, loses nothing, and ends in words`, async () => {
        const endings = new Map<string, number>();
        await fc.assert(fc.asyncProperty(fc.nat(managers - 1), fc.nat(FILES.length - 1), damage, async (host, at, damaged) => {
          const stage = reachedStages[index]!;
          const there = FILES.filter((path) => stage.world.machines.get(`m${host + 1}`)!.find(path) !== undefined);
          const file = there[at % there.length]!;
          const how = await resumed(stage, host, file, damaged(Buffer.from(stage.world.machines.get(`m${host + 1}`)!.find(file)!.content)));
          endings.set(how, (endings.get(how) ?? 0) + 1);
        }), { numRuns: 60 });
        assert.ok(endings.size > 1 || endings.has('done'), 'the damage made no difference at all');
      });
    }
  });
}

describe('a root token that was damaged on one manager', () => {
  for (const verb of ['install', 'distribute', 'rotate'] as const) {
    for (const host of ['m1', 'm2']) {
      it(`is not written over the living one: ${verb}, damaged on ${host}`, async () => {
        const { world } = await reach(stages[0]!, { managers: 2, nodes: 1 });
        const whole = Buffer.from(world.machines.get(host)!.find(PATHS.main)!.content).toString();
        const token = (JSON.parse(whole) as { root_token: string }).root_token;
        for (const broken of [`${token.slice(0, -1)}~`, `${token}\u007f`, token.slice(0, 9)]) {
          const trial = world.clone();
          trial.time.nowMs += 1000;
          trial.machines.get(host)!.file(PATHS.main, whole.replace(JSON.stringify(token), JSON.stringify(broken)));
          const { ending } = await watched(trial, verb, nothingSeen());
          assert.equal(told(ending), 'done');
          for (const [name, machine] of trial.machines) {
            const found = parseKeyFile(machine.find(PATHS.main)!.content);
            assert.ok(found.is === 'set' && trial.vault.tokenIsValid(found.set.rootToken), name);
          }
        }
      });
    }
  }
});
