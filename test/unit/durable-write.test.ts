import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DiskHost } from '../../src/hosts/disk-host.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Fence, HostError, type HostHands } from '../../src/ports/hosts.ts';
import { type Choose, type DiskHook, SimDisk, SimMachine } from '../sim/disk.ts';

const lockPath = '/etc/kubernetes/.vaultctl.lock';
const main = '/etc/kubernetes/main.json';
const fence: Fence = { lockPath, operation: 'op1' };
const oldText = 'the good old keys, all of them';
const newText = 'the new keys, just as complete, and longer';
const bytes = (text: string) => new TextEncoder().encode(text);

function world(): SimMachine {
  const machine = new SimMachine();
  machine.folder('/etc/kubernetes');
  machine.file(main, oldText);
  machine.file(lockPath, '{"operation":"op1","flow":"install","holder":"h","host":"h","pid":1,"sinceMs":1}\n');
  return machine;
}

function handsOn(machine: SimMachine, hook?: (disk: SimDisk) => DiskHook): HostHands {
  let random = 0;
  const clock: Clock = { now: () => 0, sleep: () => Promise.resolve(), random: (length) => (random += 1).toString(16).padStart(length * 2, '0') };
  let late: DiskHook = () => undefined;
  const disk = new SimDisk({ machine, hook: (call) => late(call) });
  if (hook !== undefined) late = hook(disk);
  return new DiskHost({ name: 'm1', disk, clock, local: true });
}

const write = (host: HostHands) => host.apply([{ do: 'write', path: main, bytes: bytes(newText), purpose: 'keys' }], fence);
const prepared = async (host: HostHands) => (await host.prepare(main, 100, fence)).commit(bytes(newText));
const shown = (machine: SimMachine) => new TextDecoder().decode(machine.files().get(main));

/** Every disk that a power cut could leave. */
function reboots(machine: SimMachine): SimMachine[] {
  const found: SimMachine[] = [];
  const open: number[][] = [[]];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    assert.ok(found.length < 20_000, 'too many ways');
    const copy = machine.clone();
    let depth = 0;
    const choose: Choose = (options) => {
      if (depth >= path.length) {
        for (let other = 1; other < options.length; other += 1) open.push([...path, other]);
        path.push(0);
      }
      return options[path[depth++] ?? 0]!;
    };
    copy.reboot(choose);
    found.push(copy);
  }
  return found;
}

/** Runs `work` and kills the process at its `count`-th call; false when there are fewer calls. */
async function killedAt(machine: SimMachine, count: number, when: 'before' | 'after', work: (host: HostHands) => Promise<unknown>): Promise<boolean> {
  let seen = 0;
  let died: () => void = () => undefined;
  const death = new Promise<'died'>((resolve) => { died = () => resolve('died'); });
  const host = handsOn(machine, (disk) => (call) => {
    if (call.when !== when) return;
    seen += 1;
    if (seen === count) { disk.die(); died(); }
  });
  return await Promise.race([work(host).then(() => 'done' as const), death]) === 'died';
}

describe('a durable write', () => {
  for (const [what, work] of [['a write', write], ['a prepared write', prepared]] as const) {
    it(`${what} that is cut anywhere leaves the old file or the new one, whole`, async () => {
      let points = 0;
      for (const when of ['before', 'after'] as const) {
        for (let count = 1; ; count += 1) {
          const machine = world();
          if (!await killedAt(machine, count, when, work)) break;
          points += 1;
          for (const after of [machine, ...reboots(machine)]) assert.ok([oldText, newText].includes(shown(after)), `killed ${when} call ${count}: ${shown(after)}`);
        }
      }
      assert.ok(points > 20, `${points} points`);
    });

    it(`${what} that was answered survives every power cut`, async () => {
      const machine = world();
      await work(handsOn(machine));
      for (const after of reboots(machine)) assert.equal(shown(after), newText);
    });

    it(`${what} goes on after short writes, and a disk that takes nothing leaves the good file`, async () => {
      const machine = world();
      await work(handsOn(machine, () => (call) => (call.op === 'file.write' && call.when === 'before' ? 7 : undefined)));
      assert.equal(shown(machine), newText);
      const full = world();
      let taken = 0;
      const hook: DiskHook = (call) => (call.op === 'file.write' && call.when === 'before' ? ((taken += 1) > 1 ? 0 : 5) : undefined);
      await assert.rejects(work(handsOn(full, () => hook)), (error) => error instanceof HostError && error.kind === 'full');
      assert.equal(shown(full), oldText);
      assert.deepEqual(full.find('/etc/kubernetes')?.names.size, 2);
    });
  }

  for (const [what, work] of [['a write', write], ['a prepared write', prepared]] as const) {
    it(`${what} is nobody else's from its first byte, also on a disk that opens new files to others or gives them away`, async () => {
      const machine = world();
      const modes: string[] = [];
      const sibling = () => [...machine.find('/etc/kubernetes')!.names].find(([name]) => name.endsWith('.keys'))?.[1];
      const opening: DiskHook = (call) => {
        const made = sibling();
        if (made === undefined || call.when !== 'after') return;
        modes.push(`${call.op} ${made.mode.toString(8)} ${made.uid}:${made.gid}`);
        if (call.op === 'create') { made.mode = 0o660; made.gid = 4242; }
      };
      await work(handsOn(machine, () => opening));
      assert.equal(modes[0], 'create 600 0:0');
      assert.ok(modes.length > 3);
      const placed = machine.find(main)!;
      assert.deepEqual([placed.mode, placed.uid, placed.gid], [0o600, 0, 0]);
      const written = modes.find((line) => line.startsWith('file.write'));
      assert.equal(written, 'file.write 600 0:0');
    });
  }

  for (const [what, operation, stays] of [
    ['a file that was set aside', { do: 'move', path: main, to: `${main}.archived-1` }, `${main}.archived-1`], ['a file that was removed', { do: 'remove', path: main }, undefined],
  ] as const) {
    it(`${what} is not back under its name after any power cut`, async () => {
      const machine = world();
      await handsOn(machine).apply([operation], fence);
      for (const after of reboots(machine)) {
        assert.equal(after.files().get(main), undefined);
        if (stays !== undefined) assert.equal(new TextDecoder().decode(after.files().get(stays)), oldText);
      }
    });
  }

  it('a failed fsync replaces nothing, and leaves the keys where they can be found', async () => {
    const machine = world();
    const failing: DiskHook = (call) => {
      if (call.op === 'file.sync' && call.when === 'before') throw Object.assign(new Error('EIO: fsync'), { code: 'EIO' });
    };
    await assert.rejects(write(handsOn(machine, () => failing)), (error) => error instanceof HostError && error.kind === 'io');
    assert.equal(shown(machine), oldText);
    assert.deepEqual([...machine.files().keys()].filter((path) => path.endsWith('.keys')).length, 1);
  });

  it('bytes that read back different are an error', async () => {
    const machine = world();
    const rotting: DiskHook = (call) => {
      const found = call.op === 'rename' && call.when === 'after' ? machine.find(main) : undefined;
      if (found !== undefined) found.content = bytes('rotten');
    };
    await assert.rejects(write(handsOn(machine, () => rotting)), /reads back different/);
  });

  it('a full or read-only disk says so and keeps the good file', async () => {
    for (const [kind, spoil] of [['full', (machine: SimMachine) => { machine.spaceBytes = 3; }], ['readonly', (machine: SimMachine) => { machine.readOnly = true; }]] as const) {
      const machine = world();
      spoil(machine);
      await assert.rejects(write(handsOn(machine)), (error) => error instanceof HostError && error.kind === kind);
      assert.equal(shown(machine), oldText);
    }
  });

  it('a lock that is lost between the write and the rename stops the rename', async () => {
    const machine = world();
    const broken: DiskHook = (call) => {
      const lock = call.op === 'file.sync' && call.when === 'after' ? machine.find(lockPath) : undefined;
      if (lock !== undefined) lock.content = new Uint8Array();
    };
    await assert.rejects(write(handsOn(machine, () => broken)), (error) => error instanceof HostError && error.kind === 'fenced');
    assert.equal(shown(machine), oldText);
  });
});

describe('the simulated disk', () => {
  it('forgets what was not synced, and nothing else', async () => {
    const machine = world();
    const disk = new SimDisk({ machine });
    const file = await disk.create('/etc/kubernetes/a', 0o600);
    await file.write(bytes('content'), 0);
    await file.sync();
    const seen = new Set(reboots(machine).map((after) => [...after.files().keys()].includes('/etc/kubernetes/a')));
    assert.deepEqual([...seen].toSorted((a, b) => Number(a) - Number(b)), [false, true], 'a synced file may lose its unsynced name');
    await disk.syncFolder('/etc/kubernetes');
    assert.ok(reboots(machine).every((after) => new TextDecoder().decode(after.files().get('/etc/kubernetes/a')) === 'content'));
    await file.write(bytes('CHANGED'), 0);
    const contents = new Set(reboots(machine).map((after) => new TextDecoder().decode(after.files().get('/etc/kubernetes/a'))));
    assert.deepEqual([...contents].toSorted(), ['CHANGED', 'CHANent', 'content']);
  });

  it('frees the locks of a process that dies, and wakes who waits', async () => {
    const machine = world();
    const one = new SimDisk({ machine });
    const two = new SimDisk({ machine });
    assert.ok(await one.flock(lockPath));
    await one.guard('/etc/kubernetes');
    const waiting = two.guard('/etc/kubernetes');
    assert.equal(await two.flock(lockPath), undefined);
    one.die();
    await waiting;
    assert.ok(await two.flock(lockPath));
  });
});
