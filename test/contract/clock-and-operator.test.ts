import process from 'node:process';
import { systemClock } from '../../src/adapters/clock.ts';
import { Terminal } from '../../src/adapters/terminal.ts';
import { notRun } from '../not-run.ts';
import { SimClock, SimTime } from '../sim/clock.ts';
import { SimOperator } from '../sim/operator.ts';
import { clockContract } from './clock-contract.ts';
import { operatorContract } from './operator-contract.ts';

clockContract('simulated', () => new SimClock(new SimTime(), 1));
clockContract('this machine', () => systemClock);

operatorContract('simulated', (confirm) => {
  const operator = new SimOperator({ confirm });
  return { operator, signal: (which) => { operator.signalled(which); }, close: () => undefined };
});
if (process.stdin.isTTY === true) notRun('the operator contract on the real terminal', 'somebody sits at it, and would be asked');
else {
  operatorContract('standard output', (confirm) => {
    const operator = new Terminal({ json: false, color: false, confirm, quiet: false });
    return { operator, signal: (which) => { process.emit(which); }, close: () => operator.end() };
  });
}
