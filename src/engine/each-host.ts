import { messageOf } from '../model/halt.ts';
import { HostError } from '../ports/hosts.ts';

/** How many hosts are worked on at once: two cores do about 200 hosts a second, and sshd refuses storms of logins. */
export const FAN_OUT = 32;

export type Outcome<T> = { readonly is: 'ok'; readonly value: T } | { readonly is: 'failed'; readonly error: unknown };

/**
 * Does `work` for every item, at most `limit` at once, and collects every outcome in order:
 * one failing host never hides what happened on the others.
 */
export async function each<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>, limit = FAN_OUT): Promise<Outcome<R>[]> {
  const outcomes: Outcome<R>[] = new Array<Outcome<R>>(items.length);
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const index = next;
      next += 1;
      try {
        outcomes[index] = { is: 'ok', value: await work(items[index] as T, index) };
      } catch (error) {
        outcomes[index] = { is: 'failed', error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  return outcomes;
}

/** What kept a host from what was wanted of it, and what mends that. */
export interface Failure { readonly host: string; readonly why: string; readonly mend: string | undefined }

export function failureOf(host: string, error: unknown): Failure {
  return { host, why: messageOf(error), mend: error instanceof HostError ? error.mend : undefined };
}
