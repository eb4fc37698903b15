import type { Break } from '../break.ts';

const LEASE = 'src/kubernetes/lease.ts';
const LEASES = 'test/unit/lease.test.ts';
const EMPTYING = 'test/crash/reinitialise.test.ts';
const TUNNEL = 'test/unit/pod-tunnel.test.ts';

/** Vault in pods: the Lease, the ways to the pods, and what deletes claims. */
export const kubernetes: readonly Break[] = [
  {
    name: 'stolen-lease-ignored', danger: 'whoever lost the Lease rotates on beside the one who took it',
    file: LEASE, from: 'if (by?.operation === this.#words.operation) return true;', to: 'if (by?.operation !== \'\') return true;', tests: [LEASES],
  },
  {
    name: 'lease-fence-skipped', danger: 'a run whose Lease is lost goes on, for its lock on the managers still stands',
    file: 'src/engine/take-locks.ts', from: 'lost: () => lock.lost() ?? lease.lost(),', to: 'lost: () => lock.lost(),', tests: ['test/unit/take-locks.test.ts', EMPTYING],
  },
  {
    name: 'lease-not-looked-at-between-steps', danger: 'for five seconds after somebody broke the Lease two operators are at work',
    file: 'src/engine/run.ts', from: 'await hands.lock.confirm?.();', to: '', tests: ['test/unit/flow-engine.test.ts'],
  },
  {
    name: 'lease-taken-from-the-living', danger: 'a second operator needs only to ask twice',
    file: LEASE, from: 'watched.sinceMs >= secondsOf(found) * 1000;', to: 'watched.sinceMs >= 0;', tests: [LEASES],
  },
  {
    name: 'lease-never-runs-out', danger: 'a holder that is cut off from the API server writes while another has taken over',
    file: LEASE, from: 'if (silentMs > LASTS_S * 1000 - MARGIN_MS)', to: 'if (silentMs > LASTS_S * 100_000)', tests: [LEASES],
  },
  {
    name: 'replaced-pod-not-noticed', danger: 'who waits for init\'s answer from a pod that is gone waits for ever',
    file: 'src/adapters/pod-ways.ts', from: 'if (!living.has(was)) tunnel.cut(', to: 'if (living.size < 0) tunnel.cut(', tests: ['test/unit/pod-ways.test.ts'],
  },
  {
    name: 'restarted-container-not-noticed', danger: 'a request is sent into a connection whose Vault has died: a lost reply is waited for without end',
    file: 'src/kubernetes/vault-pods.ts', from: '.map(({ name, containerID }) => `${name}=${containerID}`)', to: '.map(({ name }) => name)', tests: ['test/unit/pod-ways.test.ts'],
  },
  {
    name: 'dropped-forward-unheard', danger: 'the reply of init is waited for on a connection that the API server has dropped',
    file: 'src/adapters/pod-tunnel.ts', from: "socket.on('close', () => this.#lost('the API server closed the connection'));", to: '', tests: [TUNNEL],
  },
  {
    name: 'dropped-forward-read-as-success', danger: 'an answer that was cut off with its port-forward counts as a whole one',
    file: 'src/adapters/pod-tunnel.ts', from: "socket.on('close', () => this.#lost('the API server closed the connection'));", to: "socket.on('close', () => { this.push(null); });", tests: [TUNNEL],
  },
  {
    name: 'kubelets-error-unheard', danger: 'a port-forward into a pod that is gone looks like a slow Vault',
    file: 'src/adapters/pod-tunnel.ts', from: 'if (channel === ERROR) this.#lost(', to: 'if (channel === ERROR && bytes.length < 0) this.#lost(', tests: [TUNNEL],
  },
  {
    name: 'claim-deleted-by-name', danger: 'a claim that somebody has made anew under the old name is deleted with what is in it',
    file: 'src/kubernetes/emptying.ts', from: "kind: 'DeleteOptions', preconditions: { uid } }", to: "kind: 'DeleteOptions' }", tests: ['test/unit/emptying.test.ts'],
  },
  {
    name: 'no-last-look-before-a-claim-goes', danger: 'keys that somebody brought while it was scaled down come too late: their data is deleted',
    file: 'src/steps/empty-storage.ts', from: 'await lastLook(hands, note, flow);', to: '', tests: [EMPTYING],
  },
  {
    name: 'emptied-while-unsealed', danger: 'a Vault whose secrets could still be exported is emptied',
    file: 'src/steps/what-to-empty.ts', from: 'if (open.length > 0) throw', to: 'if (open.length < 0) throw', tests: [EMPTYING],
  },
  {
    name: 'restored-server-believed-at-once', danger: 'after a restored snapshot the cluster\'s own keys are taken for another cluster\'s, and nobody delivers them',
    file: 'src/steps/restore-snapshot.ts', from: '{ ...record, survey: await survey(hands) }', to: 'record', tests: [EMPTYING],
  },
];
