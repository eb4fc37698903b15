import { spawn } from 'node:child_process';

export interface Ran { readonly code: number; readonly out: string; readonly err: string; readonly late: boolean }

const OUTPUT_LIMIT = 16 << 20;
const NOT_PASSED_ON = /^(?:VAULT_TOKEN|BAO_TOKEN|VAULT_UNSEAL_KEY.*|ANSIBLE_.*PASS(?:WORD)?.*)$/;

/** What the environment may hold of Vault's own secrets is for no other program. */
export function environmentForOthers(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_PASSED_ON.test(name)));
}

/**
 * A program on this machine, in a group of its own: Ctrl-C reaches us, and a step that was begun ends.
 * @throws NodeJS.ErrnoException where it cannot be started
 */
export function runProgram(argv: readonly string[], { input, timeoutMs }: { readonly input?: string; readonly timeoutMs: number }): Promise<Ran> {
  const [program = '', ...args] = argv;
  const env = environmentForOthers();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'], env, detached: true });
    const texts = { out: '', err: '' };
    let late = false;
    const kill = () => { try { process.kill(-child.pid!, 'SIGKILL'); } catch { child.kill('SIGKILL'); } };
    const timer = setTimeout(() => { late = true; kill(); }, timeoutMs);
    const collect = (name: 'out' | 'err') => (chunk: string) => {
      texts[name] += chunk;
      if (texts[name].length > OUTPUT_LIMIT) kill();
    };
    child.stdout!.setEncoding('utf8').on('data', collect('out'));
    child.stderr!.setEncoding('utf8').on('data', collect('err'));
    child.once('error', (error) => { clearTimeout(timer); reject(error); });
    child.once('close', (code) => { clearTimeout(timer); resolve({ ...texts, code: code ?? -1, late }); });
    // A program that ends without reading breaks the pipe; its exit code says why.
    child.stdin?.once('error', () => undefined);
    child.stdin?.end(input);
  });
}
