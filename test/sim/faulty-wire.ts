import type { VaultWire, WireRequest } from '../../src/ports/vault.ts';
import type { FaultKind, PortCall, SimProcess } from './process.ts';
import type { SimVault } from './vault.ts';
import type { SimCall, SimFate } from './vault-wire.ts';

/**
 * One process's wire to the servers, where each request is a counted call that may go wrong. A node that dies is started
 * again at once by whatever supervises it: sealed, its memory gone.
 */
export function wireFor(vault: SimVault, process: SimProcess, commitDiesAt: number | undefined): VaultWire {
  const open: { call: PortCall; fault: FaultKind | undefined; key: string }[] = [];
  const dead = new Set<string>();
  let writes = 0;
  vault.beforeWrite = (node) => {
    writes += 1;
    if (commitDiesAt !== writes - 1) return undefined;
    dead.add(node);
    return 'crash';
  };
  const startTheDead = () => { for (const name of dead) vault.startNode(name); dead.clear(); };
  const keyOf = ({ node, method, path }: SimCall) => `${node} ${method} ${path}`;
  const hook = async (call: SimCall): Promise<SimFate> => {
    const key = keyOf(call);
    if (call.when === 'before') {
      const entered = await process.enter('vault', call.node, `${call.method} ${call.path}`, changes(call));
      startTheDead();
      if (entered.fault === 'fails' || entered.fault === 'node-gone') return 'refuse';
      if (entered.fault === 'steps-down') vault.stepDown();
      if (entered.fault === 'vault-restored') vault.restoreOlder(0);
      if (entered.fault === 'node-sealed') vault.sealNode(call.node);
      if (entered.fault === 'node-restarts-before') { dead.add(call.node); return 'crash'; }
      open.push({ ...entered, key });
      return undefined;
    }
    const at = open.findLastIndex((candidate) => candidate.key === key);
    const [entered] = at === -1 ? [] : open.splice(at, 1);
    if (entered === undefined) return undefined;
    await process.leave(entered.call);
    if (entered.fault === 'node-restarts-after') { dead.add(call.node); return 'crash'; }
    return entered.fault === 'reply-lost' ? 'lose' : undefined;
  };
  return vault.wire(hook);
}

function changes({ method, path }: { method: WireRequest['method']; path: string }): boolean {
  return method !== 'GET' && method !== 'LIST' && path !== 'auth/token/lookup-accessor';
}
