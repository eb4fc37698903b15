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
    const readings = names.map((name) => new HostReading(name, templates));
    const managers = readings.map((reading) => ({ name: reading.host, manager: trying(() => managerFrom(reading, options)) }));
    return { refused, trying, group, readings, managers };
  }).then(async ({ refused, trying, group, readings, managers }) => {
    const settings = await settingsFrom(inventory, options).catch((error: unknown) => trying(() => { throw error; }));
    const { used, ignored, others } = sorted(inventory, readings.map((reading, index) => ({ host: reading.host, counted: managers[index]!.manager === undefined ? undefined : reading.counted })));
    return {
      sources: inventory.sources, hosts: inventory.topology.hosts.size, group: group?.name, managers, settings: refused.size > 0 ? undefined : settings,
      used, ignored, others, refused: [...refused.values()],
      // What is said of a variable stands beside it.
      warnings: inventory.warnings.filter((text) => !ignored.some(({ name, place }) => text.startsWith(`${place}: ${name} `))),
    };
  });
}

/** `counted`: the names that decided about a host's connection; undefined where its variables are refused. */
interface Reader { readonly host: string; readonly counted: ReadonlySet<string> | undefined }

function sorted(inventory: Inventory, readers: readonly Reader[]): Pick<InventoryCheck, 'used' | 'ignored' | 'others'> {
  const all = new Map<string, Said & { hosts: string[] }>();
  const others = new Set<string>();
  const note = (name: string, { value, place }: Variable, { host, counted }: Reader): void => {
    const known = readVariables.has(name);
    const idle = known && name.startsWith('ansible_') && counted?.has(name) === false;
    const why = idle ? 'another name or setting counts instead' : known ? undefined : whyPassedOver(name) ?? looksLikeOurs(name, value);
    if (!known && why === undefined) { others.add(name); return; }
    const key = `${name}\0${placeText(place)}\0${why ?? ''}`;
    const found = all.get(key);
    if (found !== undefined) found.hosts.push(host);
    else all.set(key, { name, place: placeText(place), value: mayShow(name) ? shown(value) : '(not shown)', hosts: [host], ...(why === undefined ? {} : { why }) });
  };
  for (const reader of readers) {
    const own = inventory.variablesOf(reader.host);
    for (const [name, variable] of own) note(name, variable, reader);
    // The first of them that speaks counts.
    const defaults = new Map(inventory.defaults.toReversed().flatMap((layer) => [...layer]));
    for (const [name, variable] of defaults) if (!own.has(name)) note(name, variable, reader);
  }
  const listed = [...all.values()].toSorted((a, b) => byCodePoint(a.name, b.name));
  return { used: listed.filter(({ why }) => why === undefined), ignored: listed.filter(({ why }) => why !== undefined), others: [...others].toSorted(byCodePoint) };
}

/** A password may stand in a ProxyCommand too (`sshpass -p …`). */
function mayShow(name: string): boolean { return !isSecretName(name) && !/_args$|proxy_command$/.test(name); }
