import type { InventoryFiles } from '../ports/inventory-files.ts';
import { parseConfigFile } from './config-file.ts';
import type { ConfigFile } from './config-file.ts';
import { connectionSettings, otherSettings, refusedSettings, unusedSettings } from './config-settings.ts';
import type { ConfigSetting } from './config-settings.ts';
import { expandedPath } from './paths.ts';
import type { PathWorld } from './paths.ts';
import { configText } from './read-file.ts';
import { refuse } from './value.ts';
import type { Place, Value, Variable, Variables } from './value.ts';

/** What ansible.cfg and the ANSIBLE_* variables say that bears on an inventory. */
export interface AnsibleConfig {
  /** Absolute; undefined where Ansible would find none. */
  readonly file: string | undefined;
  /** Absolute paths; undefined where neither says anything. */
  readonly inventory: { readonly sources: readonly string[]; readonly from: string } | undefined;
  readonly vaultPasswordFile: string | undefined;
  readonly askVaultPass: boolean;
  /** `label@source`, as `--vault-id` takes them; a source is a path as it was written, or `prompt`. */
  readonly vaultIdentityList: readonly string[];
  /** The label of `--vault-password-file` and `--ask-vault-pass`. */
  readonly vaultIdentity: string | undefined;
  readonly vaultIdMatch: boolean;
  /** Endings and patterns of names that a folder of inventories passes over; undefined: Ansible's own. */
  readonly ignoredEndings: readonly string[] | undefined;
  readonly ignoredPatterns: readonly RegExp[];
  /** Connection variables that hold where a host has none of its own: the environment's, then the file's. */
  readonly defaults: readonly Variables[];
  readonly warnings: readonly string[];
}

export const noAnsibleConfig: AnsibleConfig = {
  file: undefined, inventory: undefined, vaultPasswordFile: undefined, askVaultPass: false, vaultIdentityList: [], vaultIdentity: undefined, vaultIdMatch: false,
  ignoredEndings: undefined, ignoredPatterns: [], defaults: [], warnings: [],
};

const fileLimitBytes = 1 << 20;

/** UsageError (file and line, or the variable) for what Ansible refuses too, and for settings that would make it read inventories in another way than vaultctl. */
export function readAnsibleConfig(files: InventoryFiles, world: PathWorld): AnsibleConfig {
  const { file, warnings } = configPath(files, world);
  const config = file === undefined ? undefined : parseConfigFile(configText(files, file, fileLimitBytes), file);
  const said = new Said(config, file, world);
  for (const setting of refusedSettings) said.refuseUnless(setting, setting.takes, setting.why);
  for (const { setting, instead } of unusedSettings) {
    const found = said.strongest(setting);
    if (found !== undefined && !/^(?:|0|no|n|off|false|f)$/i.test(found.text)) warnings.push(`${placed(found.place)}: ${setting.name} is not used by vaultctl; ${instead}`);
  }
  const { inventory, askVaultPass, vaultPasswordFile, vaultIdentityList, vaultIdentity, vaultIdMatch, ignoredEndings, ignoredPatterns } = otherSettings;
  const sources = said.strongest(inventory);
  return {
    file,
    inventory: sources === undefined ? undefined : { sources: said.paths(sources), from: placed(sources.place) },
    vaultPasswordFile: said.path(vaultPasswordFile),
    askVaultPass: said.yes(askVaultPass),
    vaultIdentityList: said.list(vaultIdentityList) ?? [],
    vaultIdentity: said.strongest(vaultIdentity)?.text,
    vaultIdMatch: said.yes(vaultIdMatch),
    ignoredEndings: said.list(ignoredEndings),
    ignoredPatterns: said.patterns(ignoredPatterns),
    defaults: [said.layer('environment'), said.layer('file')],
    warnings,
  };
}

/** $ANSIBLE_CONFIG, ./ansible.cfg, ~/.ansible.cfg, /etc/ansible/ansible.cfg: the first that exists. */
function configPath(files: InventoryFiles, world: PathWorld): { file: string | undefined; warnings: string[] } {
  const warnings: string[] = [];
  const candidates: string[] = [];
  const named = world.env('ANSIBLE_CONFIG');
  if (named !== undefined) {
    const path = expandedPath(named, world.cwd, world);
    const file = files.kind(path) === 'folder' ? `${path}/ansible.cfg` : path;
    if (named !== '' && files.kind(file) === 'absent') warnings.push(`$ANSIBLE_CONFIG names ${file}, which does not exist; the usual places are searched, as Ansible does`);
    candidates.push(file);
  }
  const here = `${world.cwd === '/' ? '' : world.cwd}/ansible.cfg`;
  const open = files.worldWritable(world.cwd);
  if (!open) candidates.push(here);
  candidates.push(`${world.home}/.ansible.cfg`, '/etc/ansible/ansible.cfg');
  const file = candidates.find((path) => !['absent', 'folder'].includes(files.kind(path)));
  if (open && (named === undefined || file !== candidates[0]) && files.kind(here) !== 'absent') {
    warnings.push(`${here} is not read, as with Ansible: everybody may write into its folder; name it in $ANSIBLE_CONFIG, or chmod o-w the folder`);
  }
  if (file !== undefined && !/\.(?:cfg|ini)$/.test(file)) refuse({ file }, 'a configuration of Ansible ends in .cfg or .ini', 'Rename it, or mend $ANSIBLE_CONFIG.');
  return { file, warnings };
}

interface Found { readonly text: string; readonly place: Place; readonly base: string }

function placed(place: Place): string { return place.line === undefined ? place.file : `${place.file}:${place.line}`; }

/** Looks settings up: the environment before the file, and within each the later name before the earlier, as Ansible does. */
class Said {
  readonly #config: ConfigFile | undefined;
  readonly #folder: string;
  readonly #world: PathWorld;

  constructor(config: ConfigFile | undefined, file: string | undefined, world: PathWorld) {
    this.#config = config;
    this.#folder = file === undefined ? world.cwd : file.slice(0, Math.max(1, file.lastIndexOf('/')));
    this.#world = world;
  }

  #in(layer: 'environment' | 'file', setting: ConfigSetting): Found | undefined {
    if (layer === 'environment') {
      const name = setting.env.findLast((each) => (this.#world.env(each) ?? '') !== '');
      return name === undefined ? undefined : { text: this.#world.env(name)!, place: { file: `$${name}` }, base: this.#world.cwd };
    }
    const entries = setting.ini.map(([section, name]) => this.#config?.entry(section, name)).filter((entry) => entry !== undefined && entry.value !== '');
    const entry = entries.at(-1);
    return entry === undefined ? undefined : { text: entry.value, place: entry.place, base: this.#folder };
  }

  strongest(setting: ConfigSetting): Found | undefined { return this.#in('environment', setting) ?? this.#in('file', setting); }

  refuseUnless(setting: ConfigSetting, takes: (text: string) => boolean, why: string): void {
    const found = this.strongest(setting);
    if (found === undefined || takes(found.text.trim())) return;
    refuse(found.place, `${setting.name} = ${found.text.slice(0, 80)} is not supported: ${why}`, 'Remove it for vaultctl, or print the inventory as Ansible reads it: ansible-inventory -i FILE --list --yaml --export > hosts.yaml');
  }

  yes(setting: ConfigSetting): boolean { return /^(?:1|yes|y|on|true|t)$/i.test(this.strongest(setting)?.text ?? ''); }

  path(setting: ConfigSetting): string | undefined {
    const found = this.strongest(setting);
    return found === undefined ? undefined : expandedPath(found.text, found.base, this.#world, found.place);
  }

  paths(found: Found): string[] {
    return found.text.split(',').map((part) => part.trim()).map((part) => {
      if (part === '') refuse(found.place, 'an empty path stands between the commas', 'Name files and folders only; a list of hosts is given with -i host1,host2,');
      return expandedPath(part, found.base, this.#world, found.place);
    });
  }

  list(setting: ConfigSetting): string[] | undefined { return this.strongest(setting)?.text.split(',').map((part) => unquoted(part.trim())).filter((part) => part !== ''); }

  patterns(setting: ConfigSetting): RegExp[] {
    const place = this.strongest(setting)?.place ?? { file: '' };
    return (this.list(setting) ?? []).map((pattern) => {
      try {
        return new RegExp(pattern, 'u');
      } catch {
        return refuse(place, `${setting.name}: ${JSON.stringify(pattern)} is no regular expression`, 'Mend it; a pattern cannot hold a comma.');
      }
    });
  }

  /** What one layer says of connections, as the variables that it stands in for. */
  layer(layer: 'environment' | 'file'): Variables {
    const variables = new Map<string, Variable>();
    for (const setting of connectionSettings) {
      const found = this.#in(layer, setting);
      if (found !== undefined) variables.set(setting.variable, { value: this.#typed(setting, found), place: found.place });
    }
    return variables;
  }

  #typed(setting: ConfigSetting, found: Found): Value {
    switch (setting.type) {
      case 'path': return expandedPath(found.text, found.base, this.#world, found.place);
      case 'whole':
        if (!/^\s*\d{1,9}\s*$/.test(found.text)) refuse(found.place, `${setting.name} must be a whole number, not ${JSON.stringify(found.text.slice(0, 80))}`, `Mend ${setting.name}.`);
        return Number(found.text);
      case 'flag': {
        const word = found.text.trim().toLowerCase();
        if (!/^(?:1|yes|y|on|true|t|0|no|n|off|false|f)$/.test(word)) refuse(found.place, `${setting.name} must be true or false, not ${JSON.stringify(found.text.slice(0, 80))}`, `Mend ${setting.name}; Ansible takes any other word for false.`);
        return /^(?:1|y|on$|t)/.test(word);
      }
      // A value of several lines is one list of words to whoever reads it.
      default: return unquoted(found.text).replaceAll(/\s*\n\s*/g, ' ');
    }
  }
}

function unquoted(text: string): string {
  const first = text[0];
  return text.length > 1 && (first === '"' || first === "'") && text.endsWith(first) && text.at(-2) !== '\\' ? text.slice(1, -1) : text;
}
