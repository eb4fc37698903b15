/** Programs on the machine that vaultctl runs on, as the inventory names them: no secret of ours is in their arguments or environment. */
export interface ProgramEyes {
  /** Whether a check ends with 0. Its author promises that it changes nothing. */
  holds(argv: readonly string[]): Promise<boolean>;
  exists(path: string): Promise<boolean>;
}

export interface ProgramHands extends ProgramEyes {
  /** Undefined where it ended with 0, else its last lines, redacted. */
  run(argv: readonly string[]): Promise<readonly string[] | undefined>;
}
