import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generatedDocs } from '../../scripts/generated-docs.ts';
import { exitCodes } from '../../src/model/halt.ts';
import { haltTexts } from '../../src/model/halts.ts';
import { everySample } from '../../scripts/halt-samples.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const docs = join(repository, 'docs');

describe('the generated documentation', () => {
  for (const [name, text] of generatedDocs()) {
    it(`docs/${name} is what the code says now (else: npm run docs)`, () => { assert.equal(readFileSync(join(docs, name), 'utf8'), text); });
  }

  it('has a page for every flow, and none of a flow that is gone', () => {
    assert.deepEqual(readdirSync(join(docs, 'flows')).toSorted(), readdirSync(join(repository, 'src/flows')).map((file) => file.replace(/\.ts$/, '.md')).toSorted());
  });

  it('draws labels that Mermaid reads to their end: no second colon, no semicolon', () => {
    const labels = [...generatedDocs().values()].flatMap((text) => [...text.matchAll(/^ {2}\S+ --> [^:\n]+: (.*)$/gm)].map((match) => match[1] ?? ''));
    assert.ok(labels.length > 40);
    assert.deepEqual(labels.filter((label) => /[:;]/.test(label)), []);
  });

  it('shows every message and every exit code', () => {
    const page = generatedDocs().get('exit-codes-and-messages.md') ?? '';
    for (const { name, text } of everySample()) assert.ok(page.includes(`\n### ${text.what}\n`) && page.includes(`\`code: ${text.code}\``), name);
    for (const code of Object.values(exitCodes)) assert.match(page, new RegExp(`^\\| ${code} \\|`, 'm'));
    assert.ok(everySample().length >= Object.keys(haltTexts).length);
  });
});

describe('docs/libraries.md', () => {
  it('names every library that package.json asks for, with the version asked for, and files that exist', () => {
    const page = readFileSync(join(docs, 'libraries.md'), 'utf8');
    const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    for (const [name, version] of Object.entries(dependencies)) assert.match(page, new RegExp(`\\| ${name.replaceAll('/', '\\/')} ${version.replaceAll('.', '\\.')} \\|`), name);
    for (const [, path = ''] of page.matchAll(/`((?:src|scripts|test)\/[^`*]+)`/g)) assert.ok(existsSync(join(repository, path)), path);
  });

  it('says of a library that it is used exactly where src/ imports it', () => {
    const page = readFileSync(join(docs, 'libraries.md'), 'utf8');
    const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    const sources = readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts')).map((path) => readFileSync(join(repository, 'src', path), 'utf8')).join('\n');
    for (const name of Object.keys(dependencies)) {
      const imported = new RegExp(`(from |import\\()'${name.replaceAll('/', '\\/')}(/[^']*)?'`).test(sources);
      const row = page.split('\n').find((line) => line.startsWith(`| ${name} `)) ?? '';
      assert.equal(/not used yet|not needed/.test(row), !imported, `${name}: ${row}`);
    }
  });
});
