import type { Setting } from './explore.ts';

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

export function settingNamed(name: string): Setting {
  const found = settings.find((setting) => setting.name === name);
  if (found === undefined) throw new Error(`no setting "${name}": one of ${settings.map((setting) => setting.name).join(', ')}`);
  return found;
}
