import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { whyNoCluster } from '../cluster/parts.ts';
import { notRun } from '../not-run.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const demo = join(repository, 'demo/kubernetes.ts');
const worlds = () => readdirSync(tmpdir()).filter((name) => name.startsWith('vaultctl-demo-kubernetes-'));

/** Command lines of living processes that name it. */
function processesOf(name: string): string[] {
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid)).flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return line.includes(name) ? [line.replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

/** Runs the demo; `strike` is called with all that it has said, whenever it says more. */
function played(args: readonly string[], strike: (said: string, stop: () => void) => void = () => undefined): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, [demo, ...args], { cwd: repository, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => { text += part; strike(text, () => child.kill('SIGTERM')); });
  return new Promise((resolve, reject) => { child.once('error', reject); child.once('close', (code) => resolve({ code, text })); });
}

describe('npm run demo:kubernetes', { timeout: 180_000 }, () => {
  it('goes through the set-up to its own program, and README names it', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    assert.equal(scripts['demo:kubernetes'], 'node scripts/bootstrap.mjs demo:kubernetes');
    assert.match(readFileSync(join(repository, 'scripts/bootstrap.mjs'), 'utf8'), /^ {2}'demo:kubernetes': \{.* main: 'demo\/kubernetes\.ts' \},$/m);
    assert.ok(existsSync(demo));
    assert.match(readFileSync(join(repository, 'README.md'), 'utf8'), /^npm run demo:kubernetes /m);
  });

  it('refuses a flag that it does not know, with exit 2', async () => {
    const { code, text } = await played(['--kep']);
    assert.equal(code, 2);
    assert.match(text, /unknown flag --kep; npm run demo:kubernetes -- \[--keep\]/);
  });

  for (const { when, said: line, afterMs } of [{ when: 'while its cluster comes up', said: 'A real Kubernetes', afterMs: 3000 }, { when: 'in the middle of an install', said: '$ vaultctl install', afterMs: 0 }]) {
    it(`stopped by a signal ${when}, leaves nothing behind: exit 143`, async () => {
      const why = whyNoCluster();
      if (why !== undefined) { notRun(`npm run demo:kubernetes, stopped by a signal ${when}`, why); return; }
      const before = worlds();
      let mine: string[] = [];
      const { code, text } = await played([], (said, stop) => {
        if (!said.includes(line)) return;
        setTimeout(() => {
          if (mine.length === 0) mine = worlds().filter((name) => !before.includes(name));
          stop();
        }, afterMs);
      });
      assert.equal(code, 143, text);
      assert.match(text, /Everything was taken down again/);
      assert.ok(mine.length > 0);
      for (const name of mine) {
        assert.ok(!existsSync(join(tmpdir(), name)), name);
        assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(name), name);
        // The dead are in /proc until somebody has waited for them.
        for (let tries = 0; tries < 50 && processesOf(name).length > 0; tries += 1) await sleep(100);
        assert.deepEqual(processesOf(name), []);
      }
    });
  }
});
