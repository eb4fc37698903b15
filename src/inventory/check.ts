import { messageOf, UsageError } from '../model/halt.ts';
import type { Manager, Settings } from '../model/settings.ts';
import { managerFrom } from './connection.ts';
import { hostsOf } from './groups.ts';
import { HostReading, placeText } from './host-reading.ts';
import { looksLikeOurs, readVariables } from './known-variables.ts';
import type { Inventory } from './load.ts';
import { whyPassedOver } from './passed-over.ts';
import { managersGroup, settingsFrom } from './settings.ts';
import type { SettingsOptions } from './settings.ts';
import { Templates } from './template.ts';
import { byCodePoint, isSecretName, shown } from './value.ts';
import type { Variable } from './value.ts';

/** One variable where it is said, for all hosts that have it from there. */
export interface Said {
  readonly name: string;
  /** FILE:LINE. */
  readonly place: string;
  /** As it was written; never what is secret. */
  readonly value: string;
  readonly hosts: readonly string[];
  /** Why vaultctl passes it over, or what is wrong with it. */
  readonly why?: string;
}

export interface Refused { readonly what: string; readonly next: readonly string[] }

/** What vaultctl makes of an inventory, without connecting to anybody. */
export interface InventoryCheck {
  readonly sources: readonly string[];
  readonly hosts: number;
  /** The managers' group; undefined where none could be found. */
  readonly group: string | undefined;
  /** Every host of it; undefined where its own variables are refused. */
  readonly managers: readonly { readonly name: string; readonly manager: Manager | undefined }[];
  /** Undefined where something is refused. */
  readonly settings: Settings | undefined;
  readonly used: readonly Said[];
  readonly ignored: readonly Said[];
  /** Names of the managers' variables that are the operator's own business. */
  readonly others: readonly string[];
  readonly refused: readonly Refused[];
  readonly warnings: readonly string[];
}

/** Everything that is wrong with the managers, not only the first of it. UsageError only where a vault password is missing. */
export function checkInventory(inventory: Inventory, options: SettingsOptions): Promise<InventoryCheck> {
  return inventory.vault.unlocking(() => {
    const refused = new Map<string, Refused>();
    const trying = <T>(work: () => T): T | undefined => {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        refused.set(messageOf(error), { what: error.text.what, next: error.text.next ?? [] });
        return undefined;
      }
    };
    // Whatever asks for the vault password asks from here, and then all of this runs again.
    const templates = new Templates(inventory);
    const group = trying(() => managersGroup(inventory, templates));
    const names = group === undefined ? [] : hostsOf(group).map(({ name }) => name);
    const managers = names.map((name) => ({ name, manager: trying(() => managerFrom(new HostReading(name, templates), options)) }));
    return { refused, trying, group, names, managers };
  }).then(async ({ refused, trying, group, names, managers }) => {
    const settings = await settingsFrom(inventory, options).catch((error: unknown) => trying(() => { throw error; }));
    const { used, ignored, others } = sorted(inventory, names);
    return {
      sources: inventory.sources, hosts: inventory.topology.hosts.size, group: group?.name, managers, settings: refused.size > 0 ? undefined : settings,
      used, ignored, others, refused: [...refused.values()],
      // What is said of a variable stands beside it.
      warnings: inventory.warnings.filter((text) => !ignored.some(({ name, place }) => text.startsWith(`${place}: ${name} `))),
    };
  });
}

function sorted(inventory: Inventory, names: readonly string[]): Pick<InventoryCheck, 'used' | 'ignored' | 'others'> {
  const all = new Map<string, Said & { hosts: string[] }>();
  const others = new Set<string>();
  const note = (name: string, { value, place }: Variable, host: string): void => {
    const why = readVariables.has(name) ? undefined : whyPassedOver(name) ?? looksLikeOurs(name, value);
    if (!readVariables.has(name) && why === undefined) { others.add(name); return; }
    const key = `${name}\0${placeText(place)}`;
    const found = all.get(key);
    if (found !== undefined) found.hosts.push(host);
    else all.set(key, { name, place: placeText(place), value: mayShow(name) ? shown(value) : '(not shown)', hosts: [host], ...(why === undefined ? {} : { why }) });
  };
  for (const host of names) {
    const own = inventory.variablesOf(host);
    for (const [name, variable] of own) note(name, variable, host);
    // The first of them that speaks counts.
    const defaults = new Map(inventory.defaults.toReversed().flatMap((layer) => [...layer]));
    for (const [name, variable] of defaults) if (!own.has(name)) note(name, variable, host);
  }
  const listed = [...all.values()].toSorted((a, b) => byCodePoint(a.name, b.name));
  return { used: listed.filter(({ why }) => why === undefined), ignored: listed.filter(({ why }) => why !== undefined), others: [...others].toSorted(byCodePoint) };
}

/** A password may stand in a ProxyCommand too (`sshpass -p …`). */
function mayShow(name: string): boolean { return !isSecretName(name) && !name.endsWith('_args'); }
