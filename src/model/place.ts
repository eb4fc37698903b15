/** A file on a host: what every page for the operator names. */
export interface Place { readonly host: string; readonly path: string }

export const at = ({ host, path }: Place): string => `${host}:${path}`;

/** Each place once, for a line of `details`. */
export function each(all: readonly Place[]): string[] { return [...new Set(all.map(at))]; }

/** Each place once, in a sentence. */
export function all(places: readonly Place[]): string { return each(places).join(', '); }
