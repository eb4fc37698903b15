import type { World } from '../sim/world.ts';
import { hasLivingToken, hasSnapshot, sightOf } from './invariant.ts';

/*
 * After harm that no program could prevent, a page may say what in an unharmed world would be a lie; but only if it is so.
 * Each entry: when the page is true. A page that is not here is never an end: what it asks for is done, and the next run
 * must come further.
 */

type Sight = ReturnType<typeof sightOf>;

const noneLives = (sight: Sight) => !sight.some(({ live }) => live);

const truths: Readonly<Record<string, (world: World, sight: Sight) => boolean>> = {
  'credentials-lost': (world, sight) => world.vault.initialised && noneLives(sight),
  'init-reply-lost': (world, sight) => world.vault.initialised && noneLives(sight),
  'keys-rejected': (_world, sight) => noneLives(sight) && sight.some(({ sets }) => sets > 0),
  'unreadable': (_world, sight) => noneLives(sight) && sight.some(({ parses }) => !parses),
  'other-cluster': (world, sight) => !world.vault.initialised && sight.length > 0,
  'not-initialised': (world) => !world.vault.initialised,
  'snapshot-failed': (world) => !hasLivingToken(world),
  /** Its storage may belong to keys that stood in the file that somebody damaged: nothing speaks for emptying it. */
  'vault-unreachable': (world, sight) => world.vault.initCutOff() && sight.some(({ parses }) => !parses),
  'unproven': (world) => !hasLivingToken(world),
  'no-snapshot': (world) => !hasSnapshot(world),
  'no-keys-for-snapshot': (_world, sight) => !sight.some(({ sets }) => sets > 0),
};

/** What an operator does with a page so that the next run comes further; false: the page is not true. */
const deeds: Readonly<Record<string, (world: World, sight: Sight) => boolean>> = {
  /** `recover --archive`: what this Vault rejects is renamed. */
  'conflicting-main': (world, sight) => {
    if (!sight.some(({ live }) => live) || !sight.some(({ live, sets }) => !live && sets > 0)) return false;
    for (const { host, path, live } of sight) if (!live) setAside(world, host, path);
    return true;
  },
  /** `install --accept-restored`, as the page says. */
  restored: (_world, sight) => sight.some(({ live, path }) => live && path.includes('previous')) && !sight.some(({ live, path }) => live && path.endsWith('vault-unseal.json')),
  /** `recover --cancel-rekey NONCE`: the disk that knew whose it was is no more what it was. */
  'foreign-rekey': (world) => { world.vault.stepDown(); for (const { name } of world.vault.nodes) world.vault.restartNode(name); return true; },
};

export type Judgement = { readonly is: 'true end' } | { readonly is: 'done as it says' } | { readonly is: 'not judged' } | { readonly is: 'lie'; readonly why: string };

/** What a page of a harmed world is worth. */
export function judge(code: string, world: World): Judgement {
  const sight = sightOf(world);
  const truth = truths[code];
  const told = () => sight.map(({ host, path, sets, live, parses }) => `${host}:${path} ${live ? 'LIVE' : `${sets} sets`}${parses ? '' : ' unreadable'}`).join(', ');
  if (truth !== undefined) return truth(world, sight) ? { is: 'true end' } : { is: 'lie', why: `it says ${code}, and it is not so: ${told()}` };
  const deed = deeds[code];
  if (deed === undefined) return { is: 'not judged' };
  return deed(world, sight) ? { is: 'done as it says' } : { is: 'lie', why: `it says ${code}, and it is not so: ${told()}` };
}

function setAside(world: World, host: string, path: string): void {
  const cut = path.lastIndexOf('/');
  const folder = world.machines.get(host)!.find(path.slice(0, cut))!;
  const name = path.slice(cut + 1);
  for (const names of [folder.names, folder.safe]) {
    const inode = names.get(name);
    if (inode !== undefined) names.set(`${name.replace(/^\./, '')}.archived-by-hand`, inode);
    names.delete(name);
  }
  folder.changes = [];
}
