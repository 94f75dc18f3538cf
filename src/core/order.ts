/** Questions that are asked at once, and answered for one after the other. */

/** Fulfilled when all are. @throws what the first of them, in the order given, was rejected with, once all are settled. */
export async function inOrder(...asked: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  for (const answer of await Promise.allSettled(asked)) if (answer.status === 'rejected') throw answer.reason
}
