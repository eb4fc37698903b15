import type { Manager } from '../model/settings.ts';
import type { Reach } from '../ports/hosts.ts';
import { whyOpenssh } from './auto-transport.ts';
import { targetOf } from './ssh-settings.ts';

/** How a manager will be reached, by what this machine knows of it: nobody is connected to. @throws Error where ~/.ssh/config cannot be read */
export async function reachOf(manager: Manager): Promise<Reach> {
  if (manager.connection === 'local') return { is: 'local' };
  const target = await targetOf(manager);
  const why = manager.transport === 'auto' ? whyOpenssh(manager, target) : undefined;
  return {
    is: 'ssh', user: target.user, hostname: target.hostname, port: target.port, strict: target.strict,
    through: target.proxyCommand !== undefined ? 'a ProxyCommand' : target.proxyJump,
    transport: manager.transport === 'openssh' || why !== undefined ? 'openssh' : 'ssh2', why, fixed: manager.transport !== 'auto',
  };
}
