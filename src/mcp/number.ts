/** Numbers whose text and double say the same. */

/**
 * Whether a JSON number keeps its value in a double: the shortest text that reads back as that double is, as a decimal, equal to the
 * text given. So `0.1`, `1e21`, `1.50` and 2^53 survive; 2^53 + 1, seventeen digits too many, `1e400` and `1e-400` do not.
 */
export function survives(text: string): boolean {
  const value = Number(text)
  return Number.isFinite(value) && decimal(text) === decimal(String(value))
}

/** Sign, digits without outer zeros, exponent of ten: one text for every spelling of a decimal. Zero has no sign. */
function decimal(text: string): string {
  const negative = text.startsWith('-')
  const [mantissa = '', exponent = '0'] = text
    .slice(negative ? 1 : 0)
    .toLowerCase()
    .split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = whole + fraction
  let start = 0
  while (digits.charCodeAt(start) === 0x30) start++
  let end = digits.length
  while (end > start && digits.charCodeAt(end - 1) === 0x30) end--
  if (start === end) return '0'
  return `${negative ? '-' : ''}${digits.slice(start, end)}e${Number(exponent) - fraction.length + digits.length - end}`
}
