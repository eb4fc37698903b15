import { formatCheckpoint } from '../credentials/checkpoint.ts';
import { isIntent } from '../engine/candidates.ts';
import { failureOf } from '../engine/each-host.ts';
import type { Step } from '../engine/flow.ts';
import { paperOf, reached, type ReachedManager } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { Halt } from '../model/halt.ts';
import { haltTexts } from '../model/halts.ts';
import { HostError } from '../ports/hosts.ts';
import { handsOn, masterOf } from './places.ts';
import type { Scene } from './records.ts';

/** A checkpoint is under 4 KiB; a full disk is to be found before the keys exist, not after. */
const SPACE_BYTES = 1 << 20;
const SKEW_MS = 60_000;

/** Nothing on the server tells a virgin Vault from a used one: so the intent is durable before init is sent. */
export const declareIntent: Step<Scene, Scene> = {
  name: 'declare-intent', title: 'check that every manager can take the keys, and record the intent', kind: 'repeat',
  look: async () => ({ is: 'pending' }),
  act: async (hands, scene) => {
    preflight(hands, reached(scene.survey), 'install');
    const master = masterOf(hands, scene.survey);
    const path = master.manager.paths.installCheckpoint;
    if (paperOf(master, 'install') !== undefined && isIntent(paperOf(master, 'install')!)) hands.tell({ is: 'note', text: 'an earlier run stopped before init: taking its intent over' });
    const bytes = formatCheckpoint({ meta: {
      format: 1, operation: hands.operation, flow: 'install', phase: 'intent', nodes: hands.nodes.map(({ address }) => address),
      startedAt: iso(hands), updatedAt: iso(hands), generation: 1,
    } });
    await handsOn(hands, master.manager.name).apply([{ do: 'write', path, bytes, purpose: 'intent' }], hands.lock.fence(master.manager.paths.lock))
      .catch((error: unknown) => { throw error instanceof HostError ? new Halt(haltTexts.preflight([failureOf(master.manager.name, error)], 'install', hands.settings.inventory)) : error; });
    return scene;
  },
};

export function iso(hands: Pick<Hands, 'clock'>): string {
  return new Date(hands.clock.now()).toISOString();
}

/**
 * The lock's own durable write has shown that each folder takes one; this names what else would stop the keys.
 * @throws Halt `preflight` with every manager's reason.
 */
export function preflight(eyes: Eyes, managers: readonly ReachedManager[], flow: string): void {
  const failed = managers.flatMap(({ manager, folder, sight }) => {
    const place = manager.paths.main.slice(0, manager.paths.main.lastIndexOf('/')) || '/';
    const no = (why: string, mend: string) => [{ host: manager.name, why, mend }];
    if (folder.is === 'absent') return no(`${place} does not exist`, `sudo install -d -m 0755 ${place}`);
    if (folder.is === 'other') return no(`${place} is not a folder`, `look at it: ls -ld ${place}`);
    if (folder.link) return no(`${place} is a symbolic link: keys are not written through one`, 'name the real folder in vault_creds_host_path');
    if (folder.uid !== 0 && folder.uid !== sight.user.uid) return no(`${place} belongs to uid ${folder.uid}, who could take the keys away`, `sudo chown root:root ${place}`);
    if ((folder.mode & 0o022) !== 0) return no(`${place} can be written by others (mode ${folder.mode.toString(8)})`, `sudo chmod go-w ${place}`);
    if (!folder.writable) return no(`${place} cannot be written by uid ${sight.user.uid}`, 'set ansible_become: true, or mount it read-write');
    const link = [...sight.files].find(([, file]) => file.is === 'file' && file.throughLink)?.[0];
    if (link !== undefined) return no(`${link} is a symbolic link: keys are not written through one`, `put the file itself there: cp --remove-destination "$(readlink -f ${link})" ${link}`);
    if (folder.spaceBytes < SPACE_BYTES) return no(`${place} has ${folder.spaceBytes} bytes left`, 'free some space');
    return [];
  });
  if (failed.length > 0) throw new Halt(haltTexts.preflight(failed, flow, eyes.settings.inventory));
  for (const { manager, sight } of managers) {
    const skew = Math.abs(sight.clockMs - eyes.clock.now());
    if (skew > SKEW_MS) eyes.tell({ is: 'warning', text: `the clock of ${manager.name} is ${Math.round(skew / 1000)} s off (harmless here: nothing is decided by clocks)` });
  }
}
