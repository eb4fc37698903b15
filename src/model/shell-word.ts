const PLAIN = /^[\w@%+=:,./-]+$/;

/** One word for a POSIX shell, whatever is in it. */
export function quoted(text: string): string { return `'${text.replaceAll("'", "'\\''")}'`; }

/** One word of a command that an operator copies into a shell: quoted only where it must be. */
export function shellWord(text: string): string { return PLAIN.test(text) ? text : quoted(text); }
