import { arrowsOf, type Flow } from '../engine/flow.ts';
import { openFromAny, type Opened } from '../steps/open-from-any.ts';

export interface UnsealStates { asked: undefined; opened: Opened }

const { arrow } = arrowsOf<UnsealStates>();

/** Needs no lock, no other manager and no API server: one readable source of keys is enough. */
export const unseal: Flow<UnsealStates> = {
  name: 'unseal', title: 'unseal every node from any one source of keys', start: 'asked', end: 'opened',
  arrows: [arrow('asked', openFromAny, 'opened')],
};
