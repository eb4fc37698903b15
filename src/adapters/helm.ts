import { messageOf } from '../model/halt.ts';
import type { HelmSettings, PlainTable } from '../model/deployment.ts';
import { withoutSecrets } from '../kubernetes/pod-reasons.ts';
import type { KubernetesSettings } from '../model/settings.ts';
import { HelmError, type HelmHands, type Release } from '../ports/helm.ts';
import { runProgram } from './run-program.ts';

const LAST_LINES = 8;
/** What helm says by itself is said within this; hooks of a chart have the operator's own time. */
const LOOK_WITHIN_MS = 60_000;
const GRACE_MS = 15_000;

/** The user's own helm, 3 or 4. Values go over standard input: no argument ever holds one. */
export class Helm implements HelmHands {
  readonly #settings: HelmSettings;
  readonly #kubernetes: KubernetesSettings;
  readonly #timeoutMs: number;

  constructor(settings: HelmSettings, kubernetes: KubernetesSettings, timeoutMs: number) {
    this.#settings = settings;
    this.#kubernetes = kubernetes;
    this.#timeoutMs = timeoutMs;
  }

  async release(): Promise<Release | undefined> {
    const { release } = this.#kubernetes;
    // One after the other: without a release the second would only say the same once more.
    const metadata = await this.#json<{ chart?: string; version?: string; status?: string; revision?: number }>(['get', 'metadata', release]);
    if (metadata === undefined) return undefined;
    const values = await this.#json<PlainTable | null>(['get', 'values', release]);
    return { status: metadata.status ?? 'unknown', revision: metadata.revision ?? 0, chart: metadata.chart ?? '', version: metadata.version ?? '', values: values ?? {} };
  }

  async chartHere(): Promise<{ name: string; version: string } | undefined> {
    const { chart } = this.#settings;
    if (!chart.startsWith('/')) return undefined;
    const { out } = await this.#run(['show', 'chart', chart], LOOK_WITHIN_MS);
    const field = (name: string) => new RegExp(`^${name}:\\s*["']?([^"'\\s]+)`, 'm').exec(out)?.[1] ?? '';
    return { name: field('name'), version: field('version') };
  }

  async install(kept?: string): Promise<void> {
    const { chart, repo, version = kept, values } = this.#settings;
    await this.#run([
      'upgrade', '--install', this.#kubernetes.release, chart, '--create-namespace', '--timeout', `${Math.ceil(this.#timeoutMs / 1000)}s`,
      ...(repo === undefined ? [] : ['--repo', repo]), ...(version === undefined ? [] : ['--version', version]), ...this.#where(), '-f', '-',
    ], this.#timeoutMs + GRACE_MS, JSON.stringify(values));
  }

  #where(): string[] {
    const { namespace, kubeconfig, context } = this.#kubernetes;
    return ['--namespace', namespace, ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig]), ...(context === undefined ? [] : ['--kube-context', context])];
  }

  /** Undefined where there is no such release. */
  async #json<T>(words: readonly string[]): Promise<T | undefined> {
    try {
      return JSON.parse((await this.#run([...words, '-o', 'json', ...this.#where()], LOOK_WITHIN_MS)).out) as T;
    } catch (error) {
      if (error instanceof HelmError && error.lines.some((line) => /release: not found/.test(line))) return undefined;
      throw error instanceof SyntaxError ? new HelmError('failed', `helm ${words.slice(0, 2).join(' ')} did not answer with JSON: is it helm 3.9 or later?`, [], { cause: error }) : error;
    }
  }

  async #run(words: readonly string[], timeoutMs: number, input?: string): Promise<{ out: string }> {
    const { binary } = this.#settings;
    const what = `helm ${words.slice(0, 2).join(' ')}`;
    const ran = await runProgram([binary, ...words], { timeoutMs, ...(input === undefined ? {} : { input }) }).catch((error: unknown) => {
      throw new HelmError('missing', `${binary} cannot be started on this machine`, [messageOf(error)], { cause: error });
    });
    if (ran.late) throw new HelmError('failed', `${what} did not end within ${Math.round(timeoutMs / 1000)} s, and was ended`, lastLines(ran.err));
    if (ran.code !== 0) throw new HelmError('failed', `${what} ended with ${ran.code}`, lastLines(ran.err.trim() === '' ? ran.out : ran.err));
    return ran;
  }
}

function lastLines(text: string): string[] {
  return text.split('\n').map((line) => withoutSecrets(line).trimEnd()).filter((line) => line.trim() !== '').slice(-LAST_LINES).map((line) => line.slice(0, 400));
}
