import { type Cell, type Coverage, coverageOf, keyOf } from './coverage.ts';
import { reasonFor, tables } from './holes.ts';
import { settingNamed } from './settings.ts';

export type Explored = keyof typeof tables;
export const explored = Object.keys(tables) as readonly Explored[];

export interface CoverageReport extends Coverage {
  /** Cells that nothing fills and nobody explains. */
  readonly unexplained: readonly string[];
  /** Cells that are filled although it is written that nothing falls there. */
  readonly refuted: readonly string[];
}

/** Every cell of one world against what is written down about its holes. */
export async function reportOf(name: Explored): Promise<CoverageReport> {
  const coverage = await coverageOf(settingNamed(name));
  const why = (cell: Cell) => reasonFor(tables[name], coverage.strikes, cell);
  return {
    ...coverage,
    unexplained: coverage.holes.filter((cell) => why(cell) === undefined).map(keyOf),
    refuted: [...coverage.seen.keys()].filter((key) => why(cellOf(key)) !== undefined),
  };
}

const cellOf = (key: string): Cell => {
  const [step = '', fault = '', resumed = ''] = key.split(' × ');
  return { step, fault, resumed };
};

/** Step by step: where the run that mends begins, and after which faults, with the number of schedules. */
export function coverageText(name: string, { seen, holes, unexplained, refuted }: CoverageReport): string {
  const steps = Map.groupBy([...seen].map(([key, count]) => ({ ...cellOf(key), count })), ({ step }) => step);
  const lines = [...steps].flatMap(([step, cells]) => [
    `  ${step}`,
    ...[...Map.groupBy(cells, ({ resumed }) => resumed)].map(([resumed, row]) => `    ${resumed.padEnd(24)} ${row.map(({ fault, count }) => `${fault} ${count}`).toSorted().join(', ')}`),
  ]);
  return [
    `${name}: step × fault × where the mending run begins: ${seen.size} cells filled, ${holes.length - unexplained.length} empty for a reason, ${unexplained.length} holes`,
    ...lines, ...unexplained.map((key) => `  HOLE: ${key}`), ...refuted.map((key) => `  seen, although test/crash/holes.ts says that nothing falls there: ${key}`),
  ].join('\n');
}
