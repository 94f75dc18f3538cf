/** What is made of something that may be replaced: made anew once it was, so that nothing stale stays. */

/** @param source tells what is in force; `make` is asked again only when that is another thing. */
export function following<From extends object, T>(source: () => From, make: (from: From) => T): () => T {
  let made: { readonly from: From; readonly value: T } | undefined
  return () => {
    const from = source()
    if (made?.from !== from) made = { from, value: make(from) }
    return made.value
  }
}
