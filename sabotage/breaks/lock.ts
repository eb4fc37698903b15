import type { Break } from '../break.ts';

const LOCK = 'test/unit/lock.test.ts';

/** One operator at a time. */
export const lock: readonly Break[] = [
  {
    name: 'fence-skipped', danger: 'a run that slept through a broken lock overwrites what its successor has written',
    file: 'src/hosts/disk-host.ts', from: 'if (words?.operation === operation) return;', to: 'if (operation !== \'\') return;', tests: ['test/crash/fenced.test.ts'],
  },
  {
    name: 'lock-on-one-manager-is-enough', danger: 'two operators on two managers rotate at the same time',
    file: 'src/engine/lock.ts', from: 'const needed = Math.floor(counted / 2) + 1;', to: 'const needed = counted > 0 ? 1 : 0;', tests: [LOCK],
  },
  {
    name: 'lock-taken-elsewhere-ignored', danger: 'two operators on two managers rotate at the same time',
    file: 'src/engine/lock.ts', from: 'if (taken !== undefined) { await release(); throw', to: 'if (taken !== undefined && held.length === 0) { await release(); throw', tests: [LOCK],
  },
  {
    name: 'flock-not-taken', danger: 'the lock stops nobody',
    file: 'src/adapters/node-disk.ts', from: "if (await flocked(handle, ['-n']))", to: "if (handle.fd >= 0)", tests: ['test/contract/disk.test.ts'],
  },
  {
    name: 'guard-not-taken', danger: 'two writes of two runs mix between fence and rename',
    file: 'src/adapters/node-disk.ts', from: "if (await flocked(handle, ['-w', String(this.#guardWaitS)]))", to: 'if (handle.fd >= 0)', tests: ['test/contract/disk.test.ts'],
  },
  {
    name: 'lost-lock-unheard', danger: 'a holder whose connection was cut goes on writing',
    file: 'src/engine/run.ts', from: 'if (lost !== undefined) throw', to: 'if (lost === \'\') throw', tests: ['test/unit/flow-engine.test.ts'],
  },
  {
    name: 'signal-unheard', danger: 'Ctrl-C does nothing until somebody reaches for kill -9',
    file: 'src/engine/run.ts', from: 'if (signal !== undefined) throw', to: 'if (signal === undefined && flow === \'\') throw', tests: ['test/unit/flow-engine.test.ts'],
  },
  {
    name: 'proof-not-announced', danger: 'a proof whose run dies blocks the one rekey slot as somebody else\'s',
    file: 'src/steps/prove-live.ts', from: 'await hands.lock.proof(marks);', to: 'void marks;', tests: ['test/crash/regressions.test.ts', 'test/crash/install.test.ts'],
  },
  {
    name: 'dead-holders-proof-forgotten', danger: 'the orphaned rekey of a dead run becomes a stranger\'s, and every later run refuses',
    file: 'src/engine/lock.ts', from: 'const orphan = left?.proof;', to: 'const orphan: LockWords[\'proof\'] = undefined;', tests: [LOCK, 'test/crash/regressions.test.ts'],
  },
  {
    name: 'foreign-rekey-cancelled', danger: 'the rekey that an operator is in the middle of is thrown away, with the shares that he was given',
    file: 'src/steps/start-rekey.ts', from: 'if (!isOrphan(status, orphan)) throw', to: 'if (!status.started) throw', tests: ['test/unit/refusals.test.ts'],
  },
  {
    name: 'broken-lock-forgets-the-proof', danger: 'recover --unlock makes a stranger\'s rekey of what its dead holder had open, and every later run refuses',
    file: 'src/hosts/lock-words.ts', from: "return words?.proof === undefined ? ''", to: "return words?.operation !== '' ? ''", tests: ['test/crash/regressions.test.ts'],
  },
];
