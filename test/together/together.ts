/** Rooms whose test files share a process: starting one for each took longer than what most of them have to say. */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'node:test'

/**
 * By the file here that runs them, the longest first. Their tests change nothing that a process has but once: no folder, no environment.
 * `test/house/suite.test.ts` holds this to the test files that there are.
 */
export const TOGETHER = {
  journeys: ['journeys'],
  lasting: ['audit', 'bridge', 'face', 'gateway', 'net', 'store', 'trust', 'upstream'],
  pure: [
    ...['approval', 'config', 'core', 'deploy', 'guard', 'house', 'identity', 'inspect', 'limit', 'matrix', 'mcp', 'methods', 'policy'],
    ...['properties', 'vectors'],
  ],
  people: ['agent', 'dashboard', 'idp', 'oauth'],
  clients: ['clients'],
  conformance: ['conformance'],
  authors: ['embed', 'examples', 'refusals'],
  cli: ['cli'],
} as const satisfies Readonly<Record<string, readonly string[]>>

const TESTS = join(import.meta.dirname, '..')

/** The test files of a room, by their paths below `test/`. */
export const filesOf = (room: string): readonly string[] => globSync(`${room}/**/*.test.ts`, { cwd: TESTS }).sort()

/** Runs the files of these rooms, one after the other, each as a suite: what it sets up is torn down before the next is read. */
export async function runTogether(rooms: readonly string[]): Promise<void> {
  for (const file of rooms.flatMap(filesOf)) {
    await describe(file, async () => {
      await import(join(TESTS, file))
    })
  }
}
