import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { killAfterWrites } from '../test/real/half-commit.ts';
import { deeds, say, scene, step } from './stage.ts';
import { DemoWorld } from './world.ts';

/** Writes of the server's commit after which neither set opens it (tried: Vault 1.21 and OpenBao 2.6 on raft). */
const INSTANTS = [5, 6, 4, 7];
const SECRET = { colour: 'a secret from before the accident' };

/** The hardest scene: the server dies inside its own rekey commit, and every key that exists is refused. */
export async function halfCommit(): Promise<void> {
  say('A real Vault server and three sshd managers; this Vault will be killed in the middle of its own rekey commit.');
  const world = await DemoWorld.start('half', 33);
  try {
    scene(1, 'install, and something to lose');
    await step(world, ['install'], { only: deeds });
    await store(world);
    say(`    wrote secret/demo: ${JSON.stringify(SECRET)}`);

    scene(2, 'rotate; the server is killed between two writes of its commit, and started again');
    if (!await cutCommit(world)) throw new Error('the server survived every attempt to kill it inside its commit');
    await step(world, ['rotate'], { only: (line) => line.trim() !== '' && !/^(rotate on|✓)/.test(line) });

    scene(3, 'as the page says: its storage is moved away, and an empty server gets the snapshot that rotate had taken');
    const node = world.vault.node(0);
    await node.kill('SIGKILL');
    const data = join(node.folder, 'data');
    renameSync(data, `${data}.saved`);
    mkdirSync(data, { mode: 0o700 });
    await node.start();
    say(`    moved ${'…'}${`${data}.saved`.slice(world.folder.length)} aside, started Vault empty`);
    await step(world, ['recover', '--restore-snapshot'], { only: deeds });
    await step(world, ['verify'], { only: deeds });
    const back = await read(world);
    say(`    read secret/demo: ${JSON.stringify(back)}`);
    if (JSON.stringify(back) !== JSON.stringify(SECRET)) throw new Error('the secret did not come back');
    say('\nNothing was lost: the data came back from the snapshot, and the managers hold the keys that open it.');
  } finally {
    await world.end();
  }
}

/** Tries one instant after the other, until the server is left so that nothing opens it. */
async function cutCommit(world: DemoWorld): Promise<boolean> {
  const node = world.vault.node(0);
  for (const writes of INSTANTS) {
    let shares = 0;
    const threshold = world.keysOf(0).key_threshold;
    world.front.onRequest(async ({ method, path }) => {
      if (method !== 'PUT' || !path.endsWith('/verify')) return;
      shares += 1;
      if (shares === threshold) await killAfterWrites(node.pid!, writes);
    });
    await step(world, ['rotate'], { only: (line) => /^[✓✗] (stage|verify Vault)|outcome|not known/.test(line) });
    world.front.onRequest(() => undefined);
    await node.kill('SIGKILL');
    await node.start();
    say(`    (killed after write ${writes} of its commit; restarted)`);
    const opened = await world.run(['unseal']);
    if (opened.code === 8 || opened.code === 7) return true;
    say('    this time a set still opens it: vaultctl finishes, and the scene is played again');
    await step(world, ['rotate'], { only: (line) => /done|Halt/.test(line) });
  }
  return false;
}

async function ask(world: DemoWorld, method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(`${world.front.address}/v1/${path}`, {
    method, headers: { 'X-Vault-Token': world.keysOf(0).root_token, 'Content-Type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
  const text = await answer.text();
  return text === '' ? undefined : JSON.parse(text) as unknown;
}

async function store(world: DemoWorld): Promise<void> {
  await ask(world, 'POST', 'sys/mounts/secret', { type: 'kv' });
  await ask(world, 'PUT', 'secret/demo', SECRET);
}

async function read(world: DemoWorld): Promise<unknown> {
  return (await ask(world, 'GET', 'secret/demo') as { data: unknown }).data;
}
