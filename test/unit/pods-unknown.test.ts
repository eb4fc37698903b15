import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Machine } from '../../src/commands/context.ts';
import { planNamed, runNamed } from '../../src/commands/flow-verbs.ts';
import { recover } from '../../src/commands/recover.ts';
import { status } from '../../src/commands/status.ts';
import type { Hands, Prover } from '../../src/engine/world.ts';
import { kubernetesHalt } from '../../src/kubernetes/rights.ts';
import { Halt, haltPage } from '../../src/model/halt.ts';
import { KubeError } from '../../src/ports/kube.ts';
import { proveLive } from '../../src/steps/prove-live.ts';
import { SimOperator } from '../sim/operator.ts';
import { World } from '../sim/world.ts';
import { handsIn } from './hands-in.ts';
import { filesOf, three } from './inventory-world.ts';
import { keys } from './survey-world.ts';

const down = new KubeError('before', 'the API server https://10.0.0.1:6443 does not answer: ECONNREFUSED', 'is it running?');

/** A command on a world whose pods Kubernetes does not name; `away` undefined: it names none. */
async function told(verb: (machine: Machine, flags: object) => Promise<number>, { away = down, more = {} }: { away?: KubeError | null; more?: object } = {}) {
  const world = await installed();
  let out = '';
  let opened = 0;
  const machine: Machine = {
    files: filesOf({ '/w/hosts.yaml': three() }), cwd: '/w', clock: { now: () => world.time.nowMs, sleep: async () => undefined, random: () => 'ab' },
    env: () => undefined, localNames: () => [], readInput: async () => new Uint8Array(), holder: () => ({ holder: 'ada', host: 'desk', pid: 1 }), reach: () => { throw new Error('nobody asks for it'); },
    out: (text) => { out += text; }, err: (text) => { out += text; }, operator: () => Object.assign(new SimOperator({ confirms: true }), { end: () => undefined }),
    open: async (_settings, _flags, _operator, how) => {
      opened += 1;
      if (away !== null && how !== 'also-without-pods') throw kubernetesHalt(away, 'hosts.yaml');
      const eyes = { ...world.eyes(), nodes: [] };
      return { eyes, lockable: eyes.hosts as Hands['hosts'], hands: () => eyes as unknown as Hands & Prover, close: async () => undefined, ...(away === null ? {} : { away }) };
    },
  };
  const before = world.copies();
  const ended = await verb(machine, { inventory: ['hosts.yaml'], extraVars: ['vault_namespace=vault'], ...more }).then((code) => ({ code, page: out }), (error: unknown) => {
    if (!(error instanceof Halt)) throw error;
    return { code: error.exitCode, page: out + haltPage(error.text) };
  });
  assert.deepEqual(world.copies(), before, 'nothing was written');
  return { ...ended, opened };
}

async function installed(): Promise<World & { copies(): string[] }> {
  const world = new World({ managers: 2, nodes: 1 });
  const { install } = await import('../../src/flows/install.ts');
  assert.equal((await world.run(install)).ending.is, 'done');
  return Object.assign(world, { copies: () => [...world.machines].flatMap(([name, machine]) => [...machine.find('/etc/kubernetes')!.names.keys()].filter((file) => !file.startsWith('.vaultctl.lock')).map((file) => `${name}:${file}`)) });
}

describe('where Kubernetes does not say which pods there are', () => {
  it('status shows what every manager holds, why nothing more is known, and ends with 8', async () => {
    const { code, page } = await told(status);
    assert.equal(code, 8, page);
    assert.match(page, /Vault\n {2}no node is known[\s\S]*Kubernetes\n {2}not reached: .*ECONNREFUSED\n {4}mend: is it running\?/);
    assert.match(page, /m1 {2}[0-9a-f]{8} {2}2 of 3[\s\S]*m2 {2}[0-9a-f]{8} {2}2 of 3/);
    assert.match(page, /Verdict: Kubernetes cannot be reached, and with it no Vault pod\n {2}Kubernetes: .*ECONNREFUSED/);
    const report = JSON.parse((await told(status, { more: { json: true } })).page) as { exit: number; nodes: unknown[]; managers: { reached: boolean; files: unknown[] }[]; kubernetes: { reached: boolean; error: string } };
    assert.deepEqual([report.exit, report.nodes, report.kubernetes.reached, report.managers.every(({ reached, files }) => reached && files.length > 0)], [8, [], false, true]);
  });

  it('verify, plan, unseal and recover say so with what every manager holds, and do nothing', async () => {
    for (const verb of [
      (machine: Machine, flags: object) => runNamed(machine, flags, 'verify'), (machine: Machine, flags: object) => planNamed(machine, flags, 'install'), (machine: Machine, flags: object) => runNamed(machine, flags, 'rotate'),
    ]) {
      const { code, page } = await told(verb);
      assert.equal(code, 8, page);
      assert.match(page, /does not answer: ECONNREFUSED\n {2}the managers, looked at all the same:\n {4}m1 {2}[0-9a-f]{8} {2}2 of 3/);
      assert.match(page, /is it running\?/);
    }
    const { code, page } = await told(recover);
    assert.equal(code, 8, page);
    assert.match(page, /Verdict: Kubernetes cannot be reached/);
  });

  it('no file is set aside, whoever confirms it: no node has said that it is empty', async () => {
    const strict = await told(recover, { more: { archive: true } });
    assert.deepEqual([strict.code, strict.opened], [8, 1]);
    const { code, page } = await told(recover, { away: null, more: { archive: true } });
    assert.equal(code, 8, page);
    assert.match(page, /no node is known: is there a StatefulSet/);
  });

  it('no set of keys counts as rejected', async () => {
    const { hands } = await handsIn(await installed());
    await assert.rejects(proveLive({ ...hands, nodes: [] }, [{ set: keys(1), sources: [] }]), (error) => error instanceof Halt && error.text.code === 'no-leader');
    await hands.lock.release();
  });
});
