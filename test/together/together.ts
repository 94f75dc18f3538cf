/** Rooms whose test files share a process: starting one for each took longer than what most of them have to say. */
import { globSync } from 'node:fs'
import { join } from 'node:path'

/**
 * By the file here that runs them. Their tests change nothing that a process has but once: no folder, no environment, no hook for all tests; and they measure no time.
 * package.json leaves these rooms out of its pattern; `test/house/suite.test.ts` holds one to the other.
 */
export const TOGETHER = {
  pure: ['config', 'core', 'guard', 'identity', 'mcp', 'methods', 'policy', 'properties', 'vectors'],
  lasting: ['audit', 'face', 'gateway', 'net', 'store', 'trust'],
} as const satisfies Readonly<Record<string, readonly string[]>>

const TESTS = join(import.meta.dirname, '..')

/** The test files of a room, by their paths below `test/`. */
export const filesOf = (room: string): readonly string[] => globSync(`${room}/**/*.test.ts`, { cwd: TESTS }).sort()

/** Runs the files of these rooms, one after the other. */
export async function runTogether(rooms: readonly string[]): Promise<void> {
  for (const file of rooms.flatMap(filesOf)) await import(join(TESTS, file))
}
