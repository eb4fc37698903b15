import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/start.ts';

export type Until = (what: string, holds: () => Promise<boolean> | boolean, withinMs?: number) => Promise<void>;

/** Looks again and again; gives up with the cluster's own story of what it is waiting for. */
export function untilIn(cluster: () => Cluster): Until {
  return async (what, holds, withinMs = 60_000) => {
    for (const end = Date.now() + withinMs; !(await holds()); await sleep(250)) {
      if (Date.now() >= end) assert.fail(`not within ${withinMs / 1000} s: ${what}\n${await cluster().story()}`);
    }
  };
}
