import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callsIn, type FileCall, TRACED } from './file-calls.ts';

/** What the scripts on a manager call (src/hosts/remote-script.ts), but for those that only wait. */
const TOOLS = ['sync', 'mv', 'dd', 'rm', 'truncate', 'chmod', 'chown', 'mkdir', 'cat', 'stat', 'head', 'df', 'flock', 'cp', 'ln', 'touch', 'tee'];

/** A call of a tool, or of the shell that called it, after it. */
export interface ToolCall extends FileCall {
  readonly tool: string;
  /** The how-manieth call of that tool, from 1. */
  readonly round: number;
  readonly by: 'tool' | 'shell';
}

/** One tool's n-th turn. */
export type Turn = Pick<ToolCall, 'tool' | 'round'>;

export interface Trap extends Pick<ToolCall, 'tool' | 'round' | 'by'> {
  /** As strace wants it. */
  readonly inject?: string;
  /** RLIMIT_FSIZE from then on, in bytes: the kernel's own short write. A tool then hears that the file is too large, a shell dies of it. */
  readonly limitBytes?: number;
}

/**
 * strace counts calls for each process, and on a manager each call has a process of its own: tools of a shell script,
 * one after the other. So each tool gets a forerunner in a folder that comes first in the PATH of the session: it counts,
 * and where its turn is the trap's it starts the real tool below strace, or attaches strace to the shell that called it.
 */
export class ToolTraps {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, 'tools'), { recursive: true });
    for (const tool of TOOLS) {
      const real = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'].map((at) => join(at, tool)).find((path) => existsSync(path));
      if (real === undefined) continue;
      writeFileSync(join(folder, 'tools', tool), forerunner(folder, tool, real));
      chmodSync(join(folder, 'tools', tool), 0o755);
    }
  }

  /** For sshd_config. */
  get config(): string[] { return [`SetEnv SHLVL=5 PATH=${join(this.#folder, 'tools')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`]; }

  /** From now on every tool and every shell is traced. */
  watch(): void { this.#begin('all'); }

  /** From now on turns are counted, and nothing else is done to them. */
  count(): void { this.#begin('count'); }

  /** Every turn since `count`; a forerunner adds a byte for each. */
  counted(): Turn[] {
    rmSync(this.#at('armed'), { force: true });
    return readdirSync(this.#at('counts')).toSorted().flatMap((tool) => Array.from({ length: statSync(this.#at(`counts/${tool}`)).size }, (_, index) => ({ tool, round: index + 1 })));
  }

  /** That turn is held before the tool is started, until `letGo` or for a minute. */
  hold({ tool, round }: Turn): void {
    rmSync(this.#at('held'), { force: true });
    writeFileSync(this.#at('how'), 'by=held limit= inject=\n');
    this.#begin(`${tool} ${round}`);
  }

  get holds(): boolean { return existsSync(this.#at('held')); }
  letGo(): void { rmSync(this.#at('armed'), { force: true }); rmSync(this.#at('held'), { force: true }); }

  arm({ tool, round, by, inject = '', limitBytes }: Trap): void {
    writeFileSync(this.#at('how'), `by=${by} limit=${limitBytes ?? ''} inject=${inject}\n`);
    this.#begin(`${tool} ${round}`);
  }

  /** Tools are themselves again. @returns what was traced on files below `below` */
  disarm(below: string): ToolCall[] {
    rmSync(this.#at('armed'), { force: true });
    return readdirSync(this.#at('traces')).flatMap((file) => {
      const [tool, round, by] = file.split('.');
      // mkdir goes down folder by folder, and names each from the one above it.
      const said = readFileSync(join(this.#at('traces'), file), 'utf8').replace(/^(mkdir(?:at)?\()"(?!\/)/gm, `$1"${below}/`);
      return callsIn(said, below).map((call) => ({ ...call, tool: tool!, round: Number(round), by: by === 'shell' ? 'shell' as const : 'tool' as const }));
    });
  }

  #begin(armed: string): void {
    rmSync(this.#at('traces'), { recursive: true, force: true });
    rmSync(this.#at('counts'), { recursive: true, force: true });
    mkdirSync(this.#at('traces'));
    mkdirSync(this.#at('counts'));
    writeFileSync(this.#at('armed'), `${armed}\n`);
  }

  #at(name: string): string { return join(this.#folder, name); }
}

/** Descriptors 7, 8 and 9 are the script's: they go to the tool, and to nobody who would outlive it and keep their locks. */
function forerunner(folder: string, tool: string, real: string): string {
  const strace = `strace -y -s 0 -e trace=${TRACED} -e signal=none`;
  return `#!/bin/sh
W=${folder} T=${tool} R=${real}
{ IFS= read -r armed <"$W/armed"; } 2>/dev/null || exec "$R" "$@"
exec 6>>"$W/counts/$T"; /usr/bin/flock 6
n=1; while IFS= read -r _; do n=$((n+1)); done <"$W/counts/$T"
echo >&6; exec 6>&-
traced() { i=0; while [ $i -lt 500 ]; do while read -r k v _; do [ "$k" != TracerPid: ] || [ "$v" = 0 ] || return 0; done </proc/$PPID/status; i=$((i+1)); done; }
attach() { ( ${strace} "$@" -o "$W/traces/$T.$n.shell" -p $PPID </dev/null >/dev/null 2>&1 7>&- 8>&- 9>&- & ); traced; }
limit= inject= by=
case $armed in
  all) attach; exec ${strace} -o "$W/traces/$T.$n.tool" "$R" "$@";;
  "$T $n") . "$W/how";;
esac
case $by in
  '') exec "$R" "$@";;
  held) : >"$W/held"; i=0; while [ -e "$W/held" ] && [ $i -lt 3000 ]; do /bin/sleep 0.02; i=$((i+1)); done; exec "$R" "$@";;
  shell) attach \${inject:+-e "$inject"}; [ -z "$limit" ] || prlimit --pid $PPID --fsize="$limit:"; exec "$R" "$@";;
esac
[ -z "$limit" ] || trap '' XFSZ
exec ${strace} \${inject:+-e "$inject"} -o "$W/traces/$T.$n.tool" \${limit:+prlimit --fsize="$limit:"} "$R" "$@"
`;
}
