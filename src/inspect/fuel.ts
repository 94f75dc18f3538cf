/** Work that is counted while it is done: what a stranger's schema makes of a stranger's arguments ends in time, whatever the two have agreed on. */

/** One unit is about 20 ns: a subschema put to a value, a character put to an instruction of a pattern. */
export class Fuel {
  /** Units left. The generated code of a validator counts down here. */
  left = 0
  /** Thrown when nothing is left. */
  readonly spent = new Error('too much work')

  burn(units: number): void {
    this.left -= units
    if (this.left < 0) throw this.spent
  }
}
