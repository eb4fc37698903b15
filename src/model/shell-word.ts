const PLAIN = /^[\w@%+=:,./-]+$/;

/** One word of a command that an operator copies into a shell. */
export function shellWord(text: string): string { return PLAIN.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`; }
