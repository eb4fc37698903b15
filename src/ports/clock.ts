/** Time and chance. In the simulator both are a seed. */
export interface Clock {
  /** Milliseconds since 1970. For display and for bounding waits; never for deciding who holds a lock. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** `bytes` of randomness in lower-case hex: names of siblings, operation ids. */
  random(bytes: number): string;
}

/** What a lock that others judge by waiting is kept alive with. */
export interface Pulse {
  /** Milliseconds since some moment: never set, never jumping back. */
  monotonicMs(): number;
  sleep(ms: number): Promise<void>;
  /** Calls `beat` every `ms` until the answer is called; keeps no process alive. */
  every(ms: number, beat: () => void): () => void;
}
