/** What moves on a page: texts, rows and numbers that the server says anew. Nothing here makes markup of what it is told. */

/** Rows of a table that grows: as many as the page itself shows at first. */
const ROWS_MAX = 200
const main = document.querySelector('main[data-live]')

if (main instanceof HTMLElement) follow(main)

function follow(main) {
  const state = document.createElement('p')
  state.className = 'soft live'
  const said = document.createElement('span')
  said.setAttribute('role', 'status')
  const button = document.createElement('button')
  button.type = 'button'
  state.append(button, said)
  main.querySelector('h1')?.after(state)
  let source
  const listen = () => {
    button.textContent = 'Pause'
    source = new EventSource(main.dataset.live)
    source.onopen = () => say('Live')
    source.onerror = () => say(source.readyState === EventSource.CLOSED ? 'Not live: open the page again' : 'Connecting again')
    source.onmessage = ({ data }) => take(JSON.parse(data))
  }
  const say = (text) => {
    said.textContent = text
  }
  button.onclick = () => {
    if (source === undefined) return listen()
    source.close()
    source = undefined
    button.textContent = 'Go on'
    say('Paused')
  }
  listen()
}

function take({ texts = {}, rows = {}, more = {}, columns }) {
  for (const [id, text] of Object.entries(texts)) change(id, (place) => (place.textContent = text))
  // Charts are drawn by plots.js.
  if (columns !== undefined) document.dispatchEvent(new CustomEvent('columns', { detail: columns }))
  for (const [id, all] of Object.entries(rows)) change(id, (place) => place.replaceChildren(...all.map(rowOf)))
  for (const [id, next] of Object.entries(more)) {
    change(id, (place) => {
      place.prepend(...next.map(rowOf))
      while (place.childElementCount > ROWS_MAX) place.lastElementChild.remove()
    })
  }
}

function change(id, how) {
  const place = document.getElementById(id)
  if (place !== null) how(place)
}

function rowOf(cells) {
  const row = document.createElement('tr')
  for (const cell of cells) {
    const { text, href, tone } = typeof cell === 'string' ? { text: cell } : cell
    const place = document.createElement('td')
    if (tone !== undefined) place.className = tone
    if (href === undefined) place.textContent = text
    else {
      const link = document.createElement('a')
      link.href = href
      link.textContent = text
      place.append(link)
    }
    row.append(place)
  }
  return row
}
