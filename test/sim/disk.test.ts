import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Choose, type DiskCall, SimDisk, SimMachine } from './disk.ts';

const FOLDER = '/etc/kubernetes';
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8'));
const bytes = (words: string) => new TextEncoder().encode(words);
/** Names and contents may have fates of their own. */
const choose = (name: string, content: string): Choose => (options, what) => options.find((option) => option === (what.startsWith('the content') ? content : name)) ?? options[0]!;

function machineWith(file?: string): SimMachine {
  const machine = new SimMachine({ hostname: 'm1' });
  machine.folder(FOLDER);
  if (file !== undefined) machine.file(`${FOLDER}/a`, file);
  return machine;
}

async function write(disk: SimDisk, name: string, words: string, { sync }: { sync: boolean }): Promise<void> {
  const file = await disk.create(`${FOLDER}/${name}`, 0o600);
  await file.write(bytes(words), 0);
  if (sync) await file.sync();
  await file.close();
}

const found = (machine: SimMachine) => Object.fromEntries([...machine.files()].map(([path, content]) => [path.slice(FOLDER.length + 1), text(content)]));

test('a name is durable once its folder was synced, whatever was synced of the file', async () => {
  const machine = machineWith();
  await write(new SimDisk({ machine }), 'a', 'whole', { sync: true });
  machine.reboot(choose('lost', 'lost'));
  assert.deepEqual(found(machine), {});
  const disk = new SimDisk({ machine });
  await write(disk, 'a', 'whole', { sync: true });
  await disk.syncFolder(FOLDER);
  machine.reboot(choose('lost', 'lost'));
  assert.deepEqual(found(machine), { a: 'whole' });
});

test('a content that was not synced comes back empty, in part or whole', async () => {
  const outcomes = { lost: '', torn: 'wh', zeroed: '\0\0\0\0', kept: 'whol' };
  for (const [fate, left] of Object.entries(outcomes)) {
    const machine = machineWith();
    const disk = new SimDisk({ machine });
    await write(disk, 'a', 'whol', { sync: false });
    await disk.syncFolder(FOLDER);
    machine.reboot(choose('kept', fate));
    assert.equal(found(machine)['a'], left, fate);
  }
});

test('a rename is one change: the old file or the new one, never neither', async () => {
  for (const fate of ['kept', 'lost']) {
    const machine = machineWith('old');
    const disk = new SimDisk({ machine });
    await write(disk, 'b', 'new', { sync: true });
    await disk.syncFolder(FOLDER);
    await disk.rename(`${FOLDER}/b`, `${FOLDER}/a`);
    machine.reboot(choose(fate, 'lost'));
    assert.deepEqual(found(machine), fate === 'kept' ? { a: 'new' } : { a: 'old', b: 'new' });
  }
});

test('a removed name comes back where the removal was not synced', async () => {
  const machine = machineWith('old');
  await new SimDisk({ machine }).remove(`${FOLDER}/a`);
  assert.deepEqual(found(machine), {});
  machine.reboot(choose('lost', 'lost'));
  assert.deepEqual(found(machine), { a: 'old' });
});

test('the death of a process alone keeps what is in the cache and frees its locks', async () => {
  const machine = machineWith();
  const disk = new SimDisk({ machine });
  await write(disk, 'a', 'cached', { sync: false });
  assert.ok(await disk.flock(`${FOLDER}/lock`));
  await disk.guard(FOLDER);
  disk.die();
  const next = new SimDisk({ machine });
  assert.equal(text(await next.read(`${FOLDER}/a`, 100)), 'cached');
  assert.ok(await next.flock(`${FOLDER}/lock`));
  await next.guard(FOLDER);
});

test('a hook that throws before a call keeps it from happening, after it loses only the answer', async () => {
  for (const [when, names] of [['before', {}], ['after', { a: '' }]] as const) {
    const machine = machineWith();
    const disk = new SimDisk({ machine, hook: (call: DiskCall) => { if (call.op === 'create' && call.when === when) throw Object.assign(new Error('EIO'), { code: 'EIO' }); } });
    await assert.rejects(disk.create(`${FOLDER}/a`, 0o600), { code: 'EIO' });
    assert.deepEqual(found(machine), names);
  }
});

test('a failed fsync leaves a content that can be read and is lost at a reboot', async () => {
  const machine = machineWith();
  const disk = new SimDisk({ machine, hook: (call) => { if (call.op === 'file.sync' && call.when === 'before') throw Object.assign(new Error('EIO'), { code: 'EIO' }); } });
  await assert.rejects(write(disk, 'a', 'cached', { sync: true }), { code: 'EIO' });
  await disk.syncFolder(FOLDER);
  assert.equal(text(await disk.read(`${FOLDER}/a`, 100)), 'cached');
  machine.reboot(choose('kept', 'lost'));
  assert.deepEqual(found(machine), { a: '' });
});

test('a copy of a machine has its own future', async () => {
  const machine = machineWith('old');
  const twin = machine.clone();
  await new SimDisk({ machine: twin }).remove(`${FOLDER}/a`);
  assert.deepEqual(found(machine), { a: 'old' });
  assert.deepEqual(found(twin), {});
});
