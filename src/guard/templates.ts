/** Whether a URI may have come from a template (RFC 6570): by what of it is written out, in one pass, whatever an expression would say. */
export function isInstanceOf(uri: string, template: string): boolean {
  const literals = template.split(/\{[^{}]*\}/)
  const [first = '', ...others] = literals
  const last = others.pop()
  if (last === undefined) return uri === template
  if (!uri.startsWith(first)) return false
  let at = first.length
  for (const literal of others) {
    const found = uri.indexOf(literal, at)
    if (found < 0) return false
    at = found + literal.length
  }
  return uri.length - last.length >= at && uri.endsWith(last)
}
