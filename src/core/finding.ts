/** A fact seen in a payload. */

export interface Finding {
  /** What it is: `secret`, `path-traversal`. */
  readonly label: string
  readonly detector: string
  /** Where: JSON Pointer (RFC 6901). Never the matched text. */
  readonly pointer: string
  /** UTF-16 offsets within the string at `pointer`. */
  readonly span?: readonly [start: number, end: number]
  /** What was expected there, in words of ours: `must be string`. Never of the payload; may be told to the caller. */
  readonly rule?: string
}
