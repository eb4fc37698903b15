import type { TestEvent } from 'node:test/reporters';

/** One line of JSON for each test that passed or failed; a suite that failed only because of a test in it is left out. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncIterable<string> {
  for await (const { type, data } of events) {
    if (type === 'test:pass') yield `${JSON.stringify({ is: 'passed' })}\n`;
    if (type !== 'test:fail') continue;
    const error = data.details.error as Error & { readonly failureType?: string; readonly cause?: unknown };
    if (error.failureType === 'subtestsFailed') continue;
    yield `${JSON.stringify({ is: 'failed', test: data.name, why: error.cause instanceof Error ? error.cause.message : error.message })}\n`;
  }
}
