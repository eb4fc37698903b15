import { Secret } from '../model/secret.ts';
import type { Resolved, Templates } from './template.ts';
import { byCodePoint, Mapping, refuse, shown, toJson, Unsafe } from './value.ts';
import type { Json, Place, Value } from './value.ts';

export interface Read<T> { readonly value: T; readonly place: Place; readonly name: string }

/** Typed reading of one host's variables. Errors name file, line, variable and value as it was written. */
export class HostReading {
  readonly host: string;
  readonly #templates: Templates;
  /** The names whose values came to count so far. */
  readonly counted = new Set<string>();

  constructor(host: string, templates: Templates) {
    this.host = host;
    this.#templates = templates;
  }

  /** Of several names for one setting the last that is set wins, as in Ansible's own option lists; then its settings are asked. */
  #find(names: readonly string[]): (Resolved & { name: string }) | undefined {
    const last = names.toReversed();
    for (const name of last) {
      const found = this.#templates.variable(this.host, name);
      if (found === undefined || found.value === null || found.value === '') continue;
      this.counted.add(name);
      return { ...found, name };
    }
    for (const layer of this.#templates.defaults) {
      for (const name of last) {
        const found = layer.get(name);
        if (found === undefined) continue;
        this.counted.add(name);
        return { value: found.value, place: found.place, written: found.value, name };
      }
    }
    return undefined;
  }

  text(...names: string[]): Read<string> | undefined {
    const found = this.#find(names);
    if (found === undefined) return undefined;
    const { value, place, name } = found;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') this.#refuse(found, 'must be text', `Write ${name}: "…"`);
    const text = String(value).trim();
    if (/[\0\n\r]/.test(text)) this.#refuse(found, 'must be one line', 'Remove the line break.');
    return { value: text, place, name };
  }

  /** Like `text`, but no message ever shows it. */
  secret(...names: string[]): Secret | undefined {
    const found = this.#find(names);
    if (found === undefined) return undefined;
    if (typeof found.value !== 'string' && typeof found.value !== 'number' && typeof found.value !== 'bigint') refuse(found.place, `${found.name} must be text`, `Write ${found.name}: "…"`);
    return new Secret(String(found.value));
  }

  /** Where the one of them that counts is said. */
  where(...names: string[]): Place { return this.#find(names)?.place ?? { file: `host ${this.host}` }; }

  flag(...names: string[]): Read<boolean> | undefined {
    const found = this.#find(names);
    if (found === undefined) return undefined;
    const word = String(found.value).toLowerCase();
    const value = /^(?:true|yes|on|1|y|t)$/.test(word) ? true : /^(?:false|no|off|0|n|f)$/.test(word) ? false : undefined;
    if (value === undefined) return this.#refuse(found, 'must be true or false');
    return { value, place: found.place, name: found.name };
  }

  whole(least: number, most: number, ...names: string[]): Read<number> | undefined {
    const found = this.#find(names);
    if (found === undefined) return undefined;
    const { value, place, name } = found;
    const number = typeof value === 'number' ? value : typeof value === 'string' && /^\s*\d{1,15}\s*$/.test(value) ? Number(value) : NaN;
    if (!Number.isInteger(number) || number < least || number > most) this.#refuse(found, `must be a whole number from ${least} to ${most}`);
    return { value: number, place, name };
  }

  /** A list of texts, or one text with commas. */
  list(...names: string[]): Read<readonly string[]> | undefined {
    const found = this.#find(names);
    if (found === undefined) return undefined;
    const parts: readonly Value[] = typeof found.value === 'string' ? found.value.split(',') : Array.isArray(found.value) ? found.value as readonly Value[] : this.#refuse(found, 'must be a list');
    const value = parts.map((part) => typeof part === 'string' ? part.trim() : this.#refuse(found, 'must be a list of texts')).filter((part) => part !== '');
    return { value, place: found.place, name: found.name };
  }

  /** A list or mapping with everything in it resolved, as JSON. */
  data(...names: string[]): Read<Json> | undefined {
    const found = this.#find(names);
    return found === undefined ? undefined : { value: asData(found.value), place: found.place, name: found.name };
  }

  #refuse(found: Resolved & { name: string }, what: string, hint?: string): never {
    refuse(found.place, `${found.name} ${what}, not ${shown(found.written)} (host ${this.host})`, hint ?? `Mend ${found.name}.`);
  }
}

export function asData(value: Value): Json {
  if (value instanceof Mapping) return Object.fromEntries([...value.entries].map(([key, entry]) => [key, asData(entry.value)]));
  if (Array.isArray(value)) return (value as readonly Value[]).map(asData);
  // `!unsafe` says only that it is no template.
  if (value instanceof Unsafe) return value.text;
  return typeof value === 'bigint' ? String(value) : toJson(value);
}

/** One value for the whole cluster: every manager that says something must say the same. */
export function agreed<T>(readings: readonly HostReading[], read: (reading: HostReading) => Read<T> | undefined): Read<T> | undefined {
  let first: { said: Read<T>; host: string } | undefined;
  for (const reading of readings) {
    const said = read(reading);
    if (said === undefined) continue;
    if (first === undefined) first = { said, host: reading.host };
    else if (JSON.stringify(said.value) !== JSON.stringify(first.said.value)) {
      refuse(said.place, `${said.name} differs between the managers: ${JSON.stringify(first.said.value)} for ${first.host} (${placeText(first.said.place)}), ${JSON.stringify(said.value)} for ${reading.host}`,
        `Set ${said.name} once, for the whole group of managers.`);
    }
  }
  return first?.said;
}

export function placeText(place: Place): string { return place.line === undefined ? place.file : `${place.file}:${place.line}`; }

export function sortedNames(names: Iterable<string>): string[] { return [...names].toSorted(byCodePoint); }
