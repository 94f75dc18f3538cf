/** A fact seen in a payload, or in what a server says of its own things. */

/** What was seen in a payload, and where; never the text that was seen. */
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

/** What is held against the definition of a tool, prompt or resource has a label that begins so. */
export const OF_DEFINITION = 'definition/'

/** What has entered a conversation before the call has a label that begins so. */
export const OF_FLOW = 'flow/'

export function isOfFlow(label: string): boolean {
  return label.startsWith(OF_FLOW)
}

export function isOfDefinition(label: string): boolean {
  return label.startsWith(OF_DEFINITION)
}
