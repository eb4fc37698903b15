import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKeyFile } from '../../src/credentials/key-file.ts';
import type { KeySet } from '../../src/model/keys.ts';
import { PATHS, type World } from '../sim/world.ts';
import { prepare } from './explore.ts';
import { durableSets } from './invariant.ts';
import { flowOf } from './resume.ts';
import { settingNamed } from './settings.ts';

/*
 * What others may rely on at every call of a run in which nothing goes wrong: whoever reads the files meanwhile (an old
 * playbook, a script, a second operator) must never find keys there that Vault does not know.
 */

/** Every set that an old playbook would take out of a file of this name: top-level keys, whatever else is in it. */
function topLevel(world: World, path: string): KeySet[] {
  return [...world.machines.values()].flatMap((machine) => {
    const bytes = machine.files().get(path);
    const parsed = bytes === undefined ? undefined : parseKeyFile(bytes);
    return parsed?.is === 'set' ? [parsed.set] : [];
  });
}

/** Shares and token of every set that was ever in a file here, in the form in which they would be read aloud. */
function secretsOf(world: World): string[] {
  const texts = [...world.machines.values()].flatMap((machine) => [...machine.files().values()].map((bytes) => Buffer.from(bytes).toString('utf8')));
  return [...new Set(texts.flatMap((text) => [...text.matchAll(/"(hvs\.[^"]+|[A-Za-z0-9+/]{40,}={0,2})"/g)].map((found) => found[1]!)))];
}

describe('at every call of a run', () => {
  for (const name of ['install-2x1', 'rotate-2x1', 'rotate-3x3']) {
    it(`${name}: keys at the top of main and of a checkpoint are keys that open Vault`, async () => {
      const setting = settingNamed(name);
      const { world } = await prepare(setting);
      const wrong: string[] = [];
      let found = 0;
      const { ending } = await world.run(flowOf(setting.verb), {
        boundary: ({ index, what }, when) => {
          for (const path of [PATHS.main, PATHS.installCheckpoint, PATHS.rotateCheckpoint]) {
            for (const set of topLevel(world, path)) { found += 1; if (!world.vault.opens(set)) wrong.push(`${when} call ${index} (${what}): ${path}`); }
          }
        },
      });
      assert.equal(ending.is, 'done');
      // Between Vault's commit and the first promoted main the old main is all there is: nothing can be done about that order.
      assert.deepEqual(wrong.filter((line) => setting.verb === 'install' || !line.endsWith(PATHS.main)), []);
      assert.ok(found > 100, `${found}`);
    });
  }

  it('rotate: before Vault has taken the new keys main holds nothing but the old ones', async () => {
    const { world } = await prepare(settingNamed('rotate-2x1'));
    const [old] = topLevel(world, PATHS.main);
    let tooEarly = 0;
    let looks = 0;
    await world.run(flowOf('rotate'), { boundary: () => {
      if (!world.vault.opens(old!)) return;
      looks += 1;
      if (topLevel(world, PATHS.main).some((set) => set.shares[0]!.reveal() !== old!.shares[0]!.reveal())) tooEarly += 1;
    } });
    assert.equal(tooEarly, 0);
    assert.ok(looks > 100, `${looks}`);
  });
});

describe('before Vault depends on keys', () => {
  for (const name of ['rotate-2x1', 'rotate-3x3']) {
    it(`${name}: every manager durably holds the new ones when they become live`, async () => {
      const { world } = await prepare(settingNamed(name));
      const [old] = topLevel(world, PATHS.main);
      let looks = 0;
      const { ending } = await world.run(flowOf('rotate'), { boundary: ({ index, what }) => {
        if (world.vault.opens(old!)) return;
        looks += 1;
        const without = durableSets(world).filter((sets) => !sets.some((set) => world.vault.opens(set))).length;
        assert.equal(without, 0, `at call ${index} (${what}) ${without} managers do not hold the live keys`);
      } });
      assert.equal(ending.is, 'done');
      assert.ok(looks > 50, `${looks}`);
    });
  }

  it('install-2x1: two managers durably hold them when the first node opens', async () => {
    const { world } = await prepare(settingNamed('install-2x1'));
    let looks = 0;
    const { ending } = await world.run(flowOf('install'), { boundary: ({ index, what }) => {
      if (!world.vault.nodes.some(({ open }) => open)) return;
      looks += 1;
      const holders = durableSets(world).filter((sets) => sets.some((set) => world.vault.opens(set))).length;
      assert.ok(holders >= 2, `at call ${index} (${what}) ${holders} of 2 managers hold the keys`);
    } });
    assert.equal(ending.is, 'done');
    assert.ok(looks > 50, `${looks}`);
  });
});

describe('a run that replaces the root token', () => {
  it('leaves no instant at which the token in main is dead', async () => {
    const { world } = await prepare(settingNamed('rotate-roottoken'));
    const [before] = topLevel(world, PATHS.main);
    let dead = 0;
    const { ending } = await world.run(flowOf('rotate'), { boundary: () => { for (const { rootToken } of topLevel(world, PATHS.main)) if (!world.vault.tokenIsValid(rootToken)) dead += 1; } });
    assert.equal(ending.is, 'done');
    assert.equal(dead, 0);
    assert.ok(!world.vault.tokenIsValid(before!.rootToken), 'the old one is revoked in the end');
  });
});

describe('one run', () => {
  for (const name of ['install-1x1', 'install-3x3']) {
    for (const kind of ['fails', 'reply-lost', 'node-restarts-before', 'node-restarts-after'] as const) {
      it(`${name}: sends init once and to one node, also where its request is struck: ${kind}`, async () => {
        const { world } = await prepare(settingNamed(name));
        const isInit = ({ port, what }: { port: string; what: string }) => port === 'vault' && what === 'PUT sys/init';
        const at = (await world.clone().run(flowOf('install'))).calls.findIndex(isInit);
        assert.ok(at > 0);
        const { calls, ending } = await world.run(flowOf('install'), { fault: { at, kind } });
        assert.equal(ending.is, 'halt');
        assert.equal(calls.filter(isInit).length, 1);
        assert.ok(world.vault.nodes.filter(({ disk }) => disk !== undefined).length <= 1);
      });
    }
  }

  it('install-2x1: from the reply to init on no failing call, disk or manager makes it give up before the keys are on a platter', async () => {
    const { world } = await prepare(settingNamed('install-2x1'));
    const { calls } = await world.clone().run(flowOf('install'));
    const from = calls.findIndex(({ port, what }) => port === 'vault' && what === 'PUT sys/init');
    const to = calls.findIndex(({ port, index }) => port === 'vault' && index > from);
    let tried = 0;
    for (const { index, port, where, what, changes } of calls.slice(from + 1, to)) {
      for (const kind of port === 'disk' ? ['fails', 'reply-lost', 'disk-full', 'host-reboots'] as const : port === 'host' ? ['fails', 'host-gone'] as const : []) {
        if (kind === 'host-reboots' && (where === 'm1' || !changes)) continue;
        const struck = world.clone();
        const { ending } = await struck.run(flowOf('install'), { fault: { at: index, kind } });
        tried += 1;
        assert.ok(durableSets(struck).some((sets) => sets.some((set) => struck.vault.opens(set))), `${kind} at call ${index} (${port} ${where} ${what}): it ended (${ending.is}), and no disk has the keys`);
      }
    }
    assert.ok(tried > 20, `${tried}`);
  });

  for (const [name, every] of [['install-2x1', 1], ['rotate-2x1', 4]] as const) {
    it(`${name}: whatever fails, nothing that is said quotes a key`, async () => {
      const setting = settingNamed(name);
      const start = await prepare(setting);
      const { calls } = await start.world.clone().run(flowOf(setting.verb));
      let lines = 0;
      for (const { index } of calls.filter(({ changes }) => changes).filter((_, count) => count % every === 0)) {
        const world = start.world.clone();
        const before = secretsOf(world);
        const { said, ending } = await world.run(flowOf(setting.verb), { fault: { at: index, kind: 'fails' } });
        const page = ending.is === 'halt' ? JSON.stringify(ending.halt.text) : ending.is === 'error' ? String(ending.error) : '';
        const all = [...said, page].join('\n');
        lines += said.length;
        for (const secret of [...before, ...secretsOf(world)]) assert.ok(!all.includes(secret), `call ${index} fails, and a key is said`);
      }
      assert.ok(lines > 300, `${lines}`);
    });
  }
});
