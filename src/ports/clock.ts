/** Time and chance. In the simulator both are a seed. */
export interface Clock {
  /** Milliseconds since 1970. For display and for bounding waits; never for deciding who holds a lock. */
  now(): number;
  sleep(ms: number): Promise<void>;
  /** `bytes` of randomness in lower-case hex: names of siblings, operation ids. */
  random(bytes: number): string;
}
