/** Where everything that is built is kept, and nothing else of anybody's. */
export const cache: string;
