import { formatCheckpoint } from '../credentials/checkpoint.ts';
import { setsIn } from '../engine/candidates.ts';
import type { Step } from '../engine/flow.ts';
import { papersOf, reached, type ReachedManager, survey } from '../engine/survey.ts';
import type { Eyes, Hands } from '../engine/world.ts';
import { Halt, messageOf } from '../model/halt.ts';
import { haltTexts, type Place } from '../model/halts.ts';
import type { KeySet } from '../model/keys.ts';
import { HostError, type PreparedWrite } from '../ports/hosts.ts';
import { WireError } from '../ports/vault.ts';
import { findsState, VaultError } from '../vault/answers.ts';
import { iso } from './declare-intent.ts';
import { handsOn, masterOf, sameBytes, unasked } from './places.ts';
import type { Held, Scene } from './records.ts';

const ROOM_BYTES = 16 << 10;
/** A server whose reply was lost finishes init all the same; it needs a leader election for that. */
const SETTLES_WITHIN_MS = 20_000;

/**
 * The one call whose reply exists once. Everything that can be done before it is done before it (connections warm,
 * space taken, sibling open), and from the reply until a disk has it nothing makes this step give up.
 */
export const initVault: Step<Scene, Held> = {
  name: 'init-vault', title: 'initialise Vault and write the checkpoint', kind: 'once',
  look: async (eyes, scene) => {
    const node = eyes.nodes[0]!;
    const status = await eyes.vault.sealStatus(node.address);
    if (!status.initialized) return { is: 'pending' };
    const overtaken = await overtakenBy(eyes);
    if (overtaken !== undefined) return { is: 'stuck', halt: overtaken };
    const master = masterOf(eyes, scene.survey);
    return { is: 'stuck', halt: initReplyLost(eyes, [{ host: master.manager.name, path: master.manager.paths.installCheckpoint }], 'just now') };
  },
  act: async (hands, scene) => {
    const master = masterOf(hands, scene.survey);
    const { paths, name } = master.manager;
    const prepared = await handsOn(hands, name).prepare(paths.installCheckpoint, ROOM_BYTES, hands.lock.fence(paths.lock));
    const startedAt = iso(hands);
    const set = await init(hands, { host: name, path: paths.installCheckpoint }, prepared);
    const checkpoint = formatCheckpoint({ top: set, meta: {
      format: 1, operation: hands.operation, flow: 'install', phase: 'held', nodes: hands.nodes.map(({ address }) => address), startedAt, updatedAt: startedAt, generation: 1,
    } });
    const place = await saveSomewhere(hands, scene, master, prepared, checkpoint);
    return { survey: scene.survey, set, keptAt: [place], checkpoint, others: [], generation: 1, fromCheckpoint: true };
  },
};

async function init(hands: Hands, intent: Place, prepared: PreparedWrite): Promise<KeySet> {
  const node = hands.nodes[0]!;
  const { count, threshold } = hands.settings.shares;
  try {
    return await hands.vault.init(node.address, count, threshold);
  } catch (error) {
    await prepared.abandon().catch(() => undefined);
    const cannotHaveActed = error instanceof WireError && error.reached === 'before';
    if (cannotHaveActed) throw new Halt(haltTexts.initUnanswered(node.name, messageOf(error), false, intent, hands.settings.inventory), { cause: error });
    if (findsState(error)) throw new Halt(haltTexts.initCutOff(node.name, messageOf(error), intent, hands.settings.inventory), { cause: error });
    if (await becameInitialised(hands, node.address)) throw await overtakenBy(hands) ?? initReplyLost(hands, [intent], 'just now');
    if (error instanceof VaultError) throw error;
    throw new Halt(haltTexts.initUnanswered(node.name, messageOf(error), true, intent, hands.settings.inventory), { cause: error });
  }
}

/** Keys on a manager since we looked: somebody who broke our lock initialised this Vault, and nothing of it is lost. One that does not answer may hold them. */
async function overtakenBy(eyes: Eyes): Promise<Halt | undefined> {
  const seen = await survey(eyes);
  const holders = papersOf(seen, 'main', 'install', 'sibling').filter((paper) => setsIn(paper).length > 0);
  if (holders.length === 0) return unasked(eyes, seen);
  return new Halt(haltTexts.lockLost(`Vault was initialised meanwhile, and its keys are in ${holders.map(({ host, path }) => `${host}:${path}`).join(', ')}`, 'install', eyes.settings.inventory));
}

async function becameInitialised(hands: Hands, address: string): Promise<boolean> {
  const until = hands.clock.now() + SETTLES_WITHIN_MS;
  for (;;) {
    const status = await hands.vault.sealStatus(address).catch(() => undefined);
    if (status?.initialized === true) return true;
    if (hands.clock.now() >= until) return false;
    await hands.clock.sleep(500);
  }
}

export function initReplyLost(eyes: Pick<Hands, 'nodes' | 'settings'>, intents: readonly Place[], since: string, torn: readonly Place[] = [], open: readonly string[] = []): Halt {
  return new Halt(haltTexts.initReplyLost(eyes.nodes.map(({ address }) => address), intents, since, eyes.settings.inventory, torn, open));
}

/** The master's disk, then every other manager's, round and round; the terminal is the last resort and asks first. */
async function saveSomewhere(hands: Hands, scene: Scene, master: ReachedManager, prepared: PreparedWrite, bytes: Uint8Array): Promise<Place> {
  try {
    const readBack = await prepared.commit(bytes);
    if (sameBytes(readBack, bytes)) return { host: master.manager.name, path: prepared.path };
  } catch (error) {
    hands.tell({ is: 'warning', text: `${master.manager.name}:${prepared.path} could not be written (${messageOf(error)}); the keys exist, trying the next manager` });
  }
  for (let round = 0; ; round += 1) {
    for (const { manager } of reached(scene.survey)) {
      const path = manager.paths.installCheckpoint;
      const write = () => handsOn(hands, manager.name).apply([{ do: 'write', path, bytes, purpose: 'keys' }], hands.lock.fence(manager.paths.lock));
      try {
        // A lock that somebody broke meanwhile must not keep the only keys off every disk.
        await write().catch(async (error: unknown) => {
          if (!(error instanceof HostError && error.kind === 'fenced' && await hands.lock.retake(manager.name))) throw error;
          await write();
        });
        return { host: manager.name, path };
      } catch (error) {
        hands.tell({ is: 'warning', text: `${manager.name}:${path} could not be written: ${messageOf(error)}` });
      }
    }
    hands.tell({ is: 'warning', text: 'Vault is initialised and NO disk has its keys yet: do not end vaultctl. Free space or reconnect any manager above; it goes on trying.' });
    if (round === 3 && await hands.operator.showKeys('show the keys on this terminal', () => Buffer.from(bytes).toString('utf8'))) {
      hands.tell({ is: 'warning', text: 'the keys were shown on the terminal; vaultctl goes on trying to write them' });
    }
    await hands.clock.sleep(Math.min(1000 * 2 ** Math.min(round, 4), 10_000));
  }
}
