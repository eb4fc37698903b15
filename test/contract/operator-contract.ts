import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Operator } from '../../src/ports/operator.ts';

export interface OperatorBench {
  readonly operator: Operator;
  /** Asks the process to stop. */
  signal(which: 'SIGINT' | 'SIGTERM' | 'SIGHUP'): void;
  close(): void;
}

/** The claims of the operator port where nobody sits at a terminal. @param make with the word that `--confirm` gave, if any */
export function operatorContract(name: string, make: (confirm: string | undefined) => OperatorBench): void {
  describe(`an operator without a terminal: ${name}`, () => {
    const bench = (confirm?: string) => {
      const made = make(confirm);
      return { ...made, [Symbol.dispose]: () => made.close() };
    };

    it('agrees to nothing that was not agreed to on the command line', async () => {
      using one = bench();
      assert.equal(await one.operator.confirm('Destroy everything?', 'production'), false);
      using other = bench('production');
      assert.equal(await other.operator.confirm('Destroy everything?', 'production'), true);
      assert.equal(await other.operator.confirm('Destroy everything?', 'staging'), false);
    });

    it('has no secret to give, and is shown no keys: the page is not even made', async () => {
      using one = bench('production');
      assert.equal(await one.operator.askSecret('Password: '), undefined);
      let made = false;
      assert.equal(await one.operator.showKeys('show the keys', () => { made = true; return 'keys'; }), false);
      assert.equal(made, false);
    });

    it('asks to stop by the first signal, and goes on asking for that', () => {
      using one = bench();
      assert.equal(one.operator.stopRequested(), undefined);
      one.signal('SIGTERM');
      assert.equal(one.operator.stopRequested(), 'SIGTERM');
      one.signal('SIGINT');
      assert.equal(one.operator.stopRequested(), 'SIGTERM');
    });

    it('takes every kind of event', () => {
      using one = bench();
      for (const mark of ['start', 'done', 'already', 'skipped', 'would', 'failed'] as const) one.operator.tell({ is: 'step', step: 's', title: 'a step', mark });
      for (const is of ['note', 'warning'] as const) one.operator.tell({ is, text: 'a line' });
      one.operator.tell({ is: 'flow', flow: 'install', operation: 'op', cluster: 'c' });
      one.operator.tell({ is: 'end', flow: 'install', text: 'done' });
    });
  });
}
