import type { Setting } from './prepare.ts';

/** What is explored. A manager on which vaultctl itself runs has no network to lose; a laptop's managers all have. */
export const settings: readonly Setting[] = [
  { name: 'install-1x1', managers: 1, nodes: 1, before: [], verb: 'install' },
  { name: 'install-2x1', managers: 2, nodes: 1, onFirst: true, before: [], verb: 'install' },
  { name: 'install-3x3', managers: 3, nodes: 3, before: [], verb: 'install' },
  { name: 'rotate-1x1', managers: 1, nodes: 1, before: ['install'], verb: 'rotate' },
  { name: 'rotate-2x1', managers: 2, nodes: 1, onFirst: true, before: ['install'], verb: 'rotate' },
  { name: 'rotate-3x3', managers: 3, nodes: 3, before: ['install'], verb: 'rotate' },
  { name: 'rotate-token', managers: 1, nodes: 1, tokenForRekey: true, before: ['install'], verb: 'rotate' },
  { name: 'rotate-openbao', managers: 1, nodes: 1, family: 'rotate', before: ['install'], verb: 'rotate' },
  { name: 'rotate-roottoken', managers: 1, nodes: 1, rootToken: 'replace', before: ['install'], verb: 'rotate' },
];

/** One of the above; or a world by its traits: `rotate-2x3-local-token-openbao-roottoken-twice`. */
export function settingNamed(name: string): Setting {
  const found = settings.find((setting) => setting.name === name) ?? byTraits(name);
  if (found === undefined) throw new Error(`no world "${name}": one of ${settings.map((setting) => setting.name).join(', ')}, or VERB-MANAGERSxNODES-${traits.join('-')}`);
  return found;
}

/** `local`: vaultctl runs on the first manager; `remote`: on none; `twice`: a rotation ran before. */
const traits = ['local', 'remote', 'token', 'openbao', 'roottoken', 'twice'] as const;

function byTraits(name: string): Setting | undefined {
  const found = /^(install|rotate)-(\d)x(\d)((?:-[a-z]+)*)$/.exec(name);
  const given = found?.[4]?.split('-').slice(1) ?? [];
  if (found === null || given.some((trait) => !traits.includes(trait as 'local'))) return undefined;
  const has = (trait: (typeof traits)[number]) => given.includes(trait);
  const verb = found[1] as 'install' | 'rotate';
  return {
    name, verb, managers: Number(found[2]), nodes: Number(found[3]), onFirst: has('local'), tokenForRekey: has('token'), family: has('openbao') ? 'rotate' : 'rekey',
    rootToken: has('roottoken') ? 'replace' : 'keep', before: verb === 'install' ? [] : has('twice') ? ['install', 'rotate'] : ['install'],
  };
}

/** A world by chance: its name makes it again. */
export function drawSetting(chance: (limit: number) => number): Setting {
  const verb = chance(3) === 0 ? 'install' : 'rotate';
  const given = [chance(2) === 0 ? 'local' : 'remote', ...(chance(3) === 0 ? ['token'] : []), ...(chance(3) === 0 ? ['openbao'] : []), ...(chance(4) === 0 ? ['roottoken'] : []), ...(chance(3) === 0 ? ['twice'] : [])];
  return settingNamed(`${verb}-${1 + chance(3)}x${chance(3) === 0 ? 3 : 1}-${given.filter((trait) => verb === 'rotate' || trait === 'local' || trait === 'remote' || trait === 'token').join('-')}`);
}
