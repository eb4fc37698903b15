import { mayDeny } from '../sim/host.ts';
import type { FaultKind, PortCall } from '../sim/process.ts';
import type { Setting } from './prepare.ts';

export const KNOWN_COMMIT_WRITES = 5;
/** Of a server's init, as the fake has it. */
export const KNOWN_INIT_WRITES = 3;

/** Which single faults can happen to a call while the process lives on. */
export function faultsOf(call: PortCall, setting: Setting): FaultKind[] {
  const local = setting.onFirst === true && call.where === 'm1';
  switch (call.port) {
    case 'vault': return ['fails', ...(call.changes ? ['reply-lost', 'node-restarts-after'] as const : []), 'node-restarts-before', 'node-gone', 'node-sealed', 'steps-down', 'signal'];
    case 'host': return local ? ['signal'] : ['fails', 'reply-lost', 'host-gone', 'signal'];
    // Closing a descriptor frees its lock whatever close(2) says.
    case 'disk': return [...(call.what.startsWith('unlock') ? [] : ['fails'] as const), ...(mayDeny(call.what) ? ['reply-lost'] as const : []), ...(/^(create|file\.write|makeFolder) /.test(call.what) ? ['disk-full'] as const : []), ...(local || !call.changes ? [] : ['cut', 'host-reboots'] as const)];
  }
}

/** What brings back an older disk or an older Vault in the middle of a run: beside the faults of every call, where a schedule asks for harm. */
export function harmOf(call: PortCall, setting: Setting): FaultKind[] {
  if (call.port === 'vault') return ['vault-restored'];
  return call.port === 'disk' && call.changes && !(setting.onFirst === true && call.where === 'm1') ? ['host-older'] : [];
}
