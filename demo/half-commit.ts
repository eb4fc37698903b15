import { say } from './stage.ts';

export async function halfCommit(): Promise<void> { say('…'); }
