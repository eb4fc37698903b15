import { messageOf } from '../model/halt.ts';
import { BadHostPattern, expandHosts } from './addresses.ts';
import type { NamedHosts } from './addresses.ts';
import { refuse, shown } from './value.ts';
import type { Place } from './value.ts';

/** The hosts that an entry of an inventory names. UsageError with its place where it names none, or not clearly. */
export function expandedHosts(pattern: string, place: Place): NamedHosts {
  if (pattern === '') refuse(place, 'a host has an empty name', 'Give it a name.');
  try {
    return expandHosts(pattern);
  } catch (error) {
    if (error instanceof BadHostPattern) refuse(place, `bad host ${shown(pattern)}: ${messageOf(error).slice(0, 300)}`, 'Mend the host range, or write the names out.');
    throw error;
  }
}
