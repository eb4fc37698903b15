import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { endOnSignals } from './ends.ts';
import { halfCommit } from './half-commit.ts';
import { deeds, say, scene, step, verdictOf } from './stage.ts';
import { DemoWorld } from './world.ts';

/** The main job on real input: a real Vault, three real sshd managers, and kill -9 at the worst moments. */
async function mainJob(keep: boolean): Promise<void> {
  say('A real Vault server (raft storage) and three managers behind real sshd, all on loopback.');
  const world = await DemoWorld.start('one', 31);
  try {
    scene(1, 'install: init, checkpoint, unseal, deliver to ALL managers, delete the checkpoint');
    await step(world, ['status'], { only: verdictOf });
    await step(world, ['install'], { only: deeds });
    await step(world, ['status'], { only: verdictOf });

    scene(2, 'rotate: new keys are on every manager before Vault honours them; kill -9 right after it did');
    await step(world, ['rotate'], { killAfter: 'the new keys become live', only: deeds });
    say('  what the managers hold (vault-unseal.json still has the OLD keys, which Vault no longer takes):');
    for (const line of world.files()) say(`    ${line}`);
    await step(world, ['status'], { only: verdictOf });
    await step(world, ['rotate'], { only: deeds });

    scene(3, 'a manager loses its file');
    rmSync(join(world.sshd.managers[1]!.folder, 'vault-unseal.json'));
    await step(world, ['status'], { only: verdictOf });
    await step(world, ['distribute'], { only: deeds });
    await step(world, ['verify'], { only: deeds });
    await secondCluster();
    if (keep) { await stayUp(world); return; }
  } finally {
    if (!keep) await world.end();
  }
  say('\nEverything was taken down again. Nothing was lost: what a dead run had in hand was on disk before anything depended on it.');
  say('The hardest scene (a Vault killed in the middle of its own rekey commit): npm run demo -- --half-commit');
}

async function secondCluster(): Promise<void> {
  const world = await DemoWorld.start('two', 32);
  try {
    scene(4, 'another cluster: install is killed with kill -9 right after its checkpoint, and run again');
    await step(world, ['install'], { killAfter: 'initialise Vault and write the checkpoint', only: deeds });
    for (const line of world.files()) say(`    ${line}`);
    await step(world, ['status'], { only: verdictOf });
    await step(world, ['install'], { only: deeds });
    await step(world, ['status'], { only: verdictOf });
    await lost(world);
  } finally {
    await world.end();
  }
}

/** What the operator reads when every copy is gone; the demo destroys them by hand, which vaultctl never does. */
async function lost(world: DemoWorld): Promise<void> {
  scene(5, 'somebody deletes every copy by hand: the page nobody wants to read');
  for (const { folder } of world.sshd.managers) for (const name of ['vault-unseal.json', 'vault-unseal.previous.json']) if (existsSync(join(folder, name))) rmSync(join(folder, name));
  await step(world, ['install'], { only: (line) => !/manager[23].*: absent/.test(line) && !/^[✓✗]|install on/.test(line) });
}

async function stayUp(world: DemoWorld): Promise<void> {
  say(`\nThe first cluster stays up, healthy, for you:
  inventory   ${world.inventory}
  drive it    export VAULTCTL_INVENTORY=${world.inventory}
              node bin/vaultctl.js status      (also: plan rotate, rotate, verify, unseal, distribute, recover)
  Vault       ${world.front.address}   (pid ${world.vault.node(0).pid})
  files       below ${world.folder}/managerN/etc/kubernetes
  sshd        ${world.sshd.managers.map(({ name, address, port }) => `${name}=${address}:${port}`).join(' ')}
Ctrl-C ends it and cleans up.`);
  // A signal takes it down (below); until then only the servers live.
  await new Promise<never>(() => undefined);
}

const isStopped = endOnSignals(DemoWorld.endAll);

const flags = process.argv.slice(2);
const unknown = flags.find((flag) => !['--keep', '--half-commit'].includes(flag));
if (unknown !== undefined) {
  console.error(`unknown flag ${unknown}; npm run demo -- [--keep | --half-commit]`);
  process.exitCode = 2;
} else {
  // What a scene says of a world that is being taken down is no news.
  await (flags.includes('--half-commit') ? halfCommit() : mainJob(flags.includes('--keep'))).catch(async (error: unknown) => {
    if (isStopped()) await new Promise<never>(() => undefined);
    throw error;
  });
}
