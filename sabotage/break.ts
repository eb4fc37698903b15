/** One line of src/ made dangerously wrong. A test must notice. */
export interface Break {
  /** As on the command line: `no-fsync-of-the-file`. */
  readonly name: string;
  /** What would happen to somebody's keys. */
  readonly danger: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly from: string;
  readonly to: string;
  /** The test files that are expected to notice, the quickest first; run in this order until one does. */
  readonly tests: readonly string[];
}

/** The file with the break in it. @throws Error where `from` does not stand in it exactly once: the list is older than the code. */
export function broken(text: string, { name, file, from, to }: Break): string {
  const parts = text.split(from);
  if (parts.length !== 2) throw new Error(`${name}: ${parts.length === 1 ? 'nowhere' : `${parts.length - 1} times`} in ${file}, and not once: ${from}`);
  return parts.join(to);
}
