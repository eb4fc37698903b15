import { draw } from '../src/engine/draw.ts';
import type { Flow } from '../src/engine/flow.ts';
import { configure } from '../src/flows/configure.ts';
import { distribute } from '../src/flows/distribute.ts';
import { install } from '../src/flows/install.ts';
import { recoverImport, recoverSnapshot } from '../src/flows/recover.ts';
import { reinitialise } from '../src/flows/reinitialise.ts';
import { rotate } from '../src/flows/rotate.ts';
import { unseal } from '../src/flows/unseal.ts';
import { verify } from '../src/flows/verify.ts';
import { exitCodes, type ExitName, haltPage } from '../src/model/halt.ts';
import { everySample } from './halt-samples.ts';

const MADE = '<!-- Made by `npm run docs` from the code; change that, not this. -->\n';
const KINDS = { check: 'looks only', repeat: 'may be repeated', once: '**once**: never tried again blindly' } as const;

/** Page below docs/ → its text. */
export function generatedDocs(): Map<string, string> {
  return new Map([
    flowPage('install', install), flowPage('rotate', rotate), flowPage('distribute', distribute), flowPage('unseal', unseal), flowPage('verify', verify), flowPage('configure', configure), flowPage('reinitialise', reinitialise),
    ['flows/recover.md', `${MADE}\n# vaultctl recover\n\nThree of its verbs are flows; all end in the same tail as an install. The third has [a page of its own](reinitialise.md).\n\n${flowPart('##', recoverImport([]))}\n${flowPart('##', recoverSnapshot)}`],
    ['exit-codes-and-messages.md', messages()],
  ]);
}

function flowPage<S>(name: string, flow: Flow<S>): [string, string] {
  return [`flows/${name}.md`, `${MADE}\n${flowPart('#', flow)}`];
}

function flowPart<S>(level: string, flow: Flow<S>): string {
  const rows = flow.arrows.map((arrow) => (arrow.is === 'step'
    ? `| ${String(arrow.from)} | ${cell(arrow.step.title)} | ${KINDS[arrow.step.kind]} | ${String(arrow.to)} |`
    : `| ${String(arrow.from)} | ${cell(arrow.fork.title)} | a question${arrow.fork.prove === undefined ? '' : '; a run may have Vault decide'} | ${arrow.to.map(String).join(' *or* ')} |`));
  return `${level} vaultctl ${flow.name}

${sentence(flow.title)}. States are facts about the disks and Vault, not about a process: a run begins at \`${String(flow.start)}\` every time,
looks before each step whether its effect is there already, and so a resumed run is the same loop as a first one.

\`\`\`mermaid
${draw(flow)}\`\`\`

| from | step | kind | to |
|---|---|---|---|
${rows.join('\n')}
`;
}

const MEANINGS: Record<ExitName, string> = {
  done: 'done', unexpected: 'unexpected: neither a page below nor a refusal that vaultctl knows; or all is well, and standard output could not be written whole', usage: 'usage, inventory or configuration: nothing was touched',
  lost: 'credentials LOST, or only a snapshot brings the data back', resumable: 'interrupted or not yet whole: run the command that is named', undelivered: 'some host was not reached, or did not take the keys; a checkpoint is kept',
  locked: 'another operator is at work', refused: 'refused for safety: conflicting, unreadable or unproven credentials', unreachable: 'Vault is unreachable, or a node of it',
  interrupted: 'stopped by SIGINT at a safe point', terminated: 'stopped by SIGTERM at a safe point', hungUp: 'stopped by SIGHUP at a safe point',
};

function messages(): string {
  const samples = everySample();
  const exits = (Object.keys(exitCodes) as ExitName[]).toSorted((a, b) => exitCodes[a] - exitCodes[b]);
  const parts = exits.flatMap((exit) => {
    const mine = samples.filter(({ text }) => text.exit === exit);
    if (mine.length === 0) return [];
    return [`## ${exitCodes[exit]}: ${MEANINGS[exit]}\n`, ...mine.map(({ text }) => `### ${text.what}\n\n\`code: ${text.code}\`\n\n\`\`\`text\n${haltPage(text)}\`\`\`\n`)];
  });
  return `${MADE}
# Exit codes and messages

Each page on which vaultctl stops, with sample data: what happened, what is safe, what was not done, and the next command.
It is printed on stderr; with \`--json\` the same fields are one JSON document on stdout (\`is: "halt"\`, \`code\`, \`exit\`, …).
Scripts may rely on the exit code and on \`code\`, not on the words.

| exit | meaning |
|---:|---|
${exits.map((exit) => `| ${exitCodes[exit]} | ${MEANINGS[exit]} |`).join('\n')}

${parts.join('\n')}`;
}

const cell = (text: string) => text.replaceAll('|', '\\|');
const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
