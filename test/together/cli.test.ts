/** The command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endCommands } from '../cli/portcullis.ts'
import { runTogether, TOGETHER } from './together.ts'

await runTogether(TOGETHER.cli)
test('no command of all these left something open, or broke', async () => assert.equal(await endCommands(), 0))
