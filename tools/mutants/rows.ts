/** How a step is taken out. */
export interface Mutant {
  readonly name: string
  readonly file: string
  /** Stands in the file exactly once. */
  readonly from: string
  readonly to: string
  /** The tests that notice it, below test/ and without .test.ts: asked first, so that a row takes seconds. */
  readonly seenBy: readonly string[]
}

/** Rows of one file. */
export const rows = (file: string, list: readonly Omit<Mutant, 'file'>[]): readonly Mutant[] => list.map((row) => ({ ...row, file }))
