import type { Command } from 'commander';
import { UsageError } from '../model/halt.ts';

/** A script for the shell, made from the commands themselves. @throws UsageError for an unknown shell. */
export function completion(shell: string, program: Command): string {
  const verbs = program.commands.map((command) => ({ name: command.name(), about: command.description(), flags: command.options.flatMap(({ long }) => (long === undefined || long === null ? [] : [long])) }));
  if (shell === 'bash') return bash(verbs);
  if (shell === 'zsh') return `autoload -U +X bashcompinit && bashcompinit\n${bash(verbs)}`;
  if (shell === 'fish') return fish(verbs);
  throw new UsageError(`no completion for "${shell}"`, 'one of bash, zsh, fish');
}

type Verb = { readonly name: string; readonly about: string; readonly flags: readonly string[] };

function bash(verbs: readonly Verb[]): string {
  return `_vaultctl() {
  local word=\${COMP_WORDS[COMP_CWORD]}
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    -i|--inventory|--token-file|--vault-password-file|--vault-id|--import) COMPREPLY=($(compgen -f -- "$word")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then COMPREPLY=($(compgen -W "${verbs.map(({ name }) => name).join(' ')} --help --version" -- "$word")); return; fi
  case "\${COMP_WORDS[1]}" in
${verbs.map(({ name, flags }) => `    ${name}) COMPREPLY=($(compgen -W "${[...flags, '--help'].join(' ')}" -- "$word")) ;;`).join('\n')}
  esac
}
complete -F _vaultctl vaultctl
`;
}

function fish(verbs: readonly Verb[]): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "\\'")}'`;
  return verbs.flatMap(({ name, about, flags }) => [
    `complete -c vaultctl -n __fish_use_subcommand -f -a ${name} -d ${quoted(about)}`,
    ...flags.map((flag) => `complete -c vaultctl -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
  ]).join('\n') + '\n';
}
