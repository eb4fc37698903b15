// What the set-up says, and how it fails: one line per thing done, one command per thing missing.

/** Something is missing that the operator must get: `message` says what, why, and the one command that gets it. */
export class Missing extends Error {}

export function tell(line) {
  console.log(`set-up: ${line}`);
}

/** "1m15s" */
export function spoken(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
}
