/** Loaded in front of a test: gives the file of one mutant with its step taken out. Which one says MUTANT. */
import { registerHooks } from 'node:module'
import { MUTANTS } from './table.ts'

const mutant = MUTANTS.find(({ name }) => name === process.env['MUTANT'])
const url = mutant === undefined ? undefined : new URL(`../../${mutant.file}`, import.meta.url).href

registerHooks({
  load: (asked, context, nextLoad) => {
    const loaded = nextLoad(asked, context)
    if (mutant === undefined || asked !== url) return loaded
    const parts = String(loaded.source).split(mutant.from)
    if (parts.length !== 2) throw new Error(`${mutant.name}: ${mutant.file} has it ${parts.length - 1} times`)
    return { ...loaded, source: parts.join(mutant.to) }
  },
})
