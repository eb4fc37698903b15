// `npm run docs`: writes the pages that are made from the code itself. A test keeps them equal to it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedDocs } from './generated-docs.ts';

const docs = fileURLToPath(new URL('../docs', import.meta.url));
for (const [name, text] of generatedDocs()) {
  const path = join(docs, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`wrote docs/${name}`);
}
