import type { Flow } from './flow.ts';

/** The flow's own table as a Mermaid state diagram: docs show what runs, and a test keeps them equal. */
export function draw<S>(flow: Flow<S>): string {
  const lines = ['stateDiagram-v2', '  direction TB', `  [*] --> ${String(flow.start)}`];
  for (const arrow of flow.arrows) {
    if (arrow.is === 'step') lines.push(`  ${String(arrow.from)} --> ${String(arrow.to)}: ${label(arrow.step.title)}`);
    else for (const to of arrow.to) lines.push(`  ${String(arrow.from)} --> ${String(to)}: ${label(arrow.fork.title)}`);
  }
  lines.push(`  ${String(flow.end)} --> [*]`);
  return `${lines.join('\n')}\n`;
}

/** Mermaid ends a label at a second colon or a semicolon. */
const label = (title: string) => title.replaceAll(/[:;]/g, ' –');
