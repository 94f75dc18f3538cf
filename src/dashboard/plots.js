/** Draws the charts of a page with uPlot, and draws them anew when their numbers change, the window does, or the scheme. */

const { uPlot } = globalThis
const HEIGHT = 170
const HINT = 'Point at it, or move through it with the arrow keys.'
const AXIS_WIDTH = 56

const calls = (value) => value.toLocaleString('en')
const times = (value) =>
  value < 10 ? `${Number(value.toPrecision(2))} ms` : value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`
const bars = (color) => ({ stroke: color, fill: color, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 40] }) })
const line = (color, dash) => ({ stroke: color, width: 2, points: { size: 5 }, spanGaps: false, ...(dash === undefined ? {} : { dash }) })

/** By the name of a plot: its series in the order of its columns, and how values are written. */
const PLOTS = {
  calls: {
    write: calls,
    series: [
      { name: 'calls', color: '--fill', draw: bars },
      { name: 'refused', color: '--bad', draw: bars },
    ],
  },
  times: {
    write: times,
    series: [
      { name: '95 % under', color: '--accent', draw: line },
      { name: 'half under', color: '--soft', draw: (color) => line(color, [5, 4]) },
    ],
  },
}

const places = [...document.querySelectorAll('[data-plot]')]
const plots = places.map((place) => ({
  place,
  columns: JSON.parse(place.dataset.columns),
  chart: undefined,
  readout: place.nextElementSibling,
}))

for (const plot of plots) {
  draw(plot)
  new ResizeObserver(() => plot.chart.setSize({ width: plot.place.clientWidth, height: HEIGHT })).observe(plot.place)
  plot.place.addEventListener('keydown', (event) => move(plot, event))
  plot.place.addEventListener('blur', () => plot.chart.setCursor({ left: -10, top: -10 }))
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plots.forEach(draw))
document.addEventListener('columns', ({ detail }) => {
  for (const plot of plots) {
    plot.columns = detail[plot.place.dataset.plot] ?? plot.columns
    plot.chart.setData(plot.columns)
  }
})

function draw(plot) {
  const { place, columns } = plot
  const { series, write } = PLOTS[place.dataset.plot]
  const style = getComputedStyle(place)
  const color = (name) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: color('--soft'),
    font: `12px ${style.fontFamily}`,
    ticks: { show: false },
    grid: { stroke: color('--line'), width: 1 },
  }
  plot.chart?.destroy()
  plot.chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1_000), 'Etc/UTC'),
      legend: { show: false },
      // Both charts of a page point at the same moment.
      cursor: { drag: { x: false, y: false }, y: false, sync: { key: 'page' } },
      scales: {
        x: { range: (_chart, low, high) => [low - stepOf(columns) / 2, high + stepOf(columns) / 2] },
        y: { range: (_chart, _low, high) => [0, Math.max(high ?? 0, 1) * 1.05] },
      },
      axes: [
        { ...axis, grid: { show: false }, values: (_chart, all) => all.map((at) => clockTime(at)), space: 60, size: 26 },
        {
          ...axis,
          size: AXIS_WIDTH,
          values: (_chart, all) => all.map((value) => (Number.isInteger(value) || series[0].draw === line ? write(value) : '')),
        },
      ],
      series: [{}, ...series.map(({ name, color: of, draw: how }) => ({ label: name, ...how(color(of)) }))],
      hooks: { setCursor: [() => say(plot)] },
    },
    columns,
    place,
  )
  say(plot)
}

/** What is pointed at, in words. */
function say({ chart, columns, place, readout }) {
  const at = chart?.cursor.idx
  const { series, write } = PLOTS[place.dataset.plot]
  const found = at === undefined || at === null ? undefined : columns[0][at]
  readout.textContent =
    found === undefined
      ? HINT
      : `${clockTime(found)}: ${series.map(({ name }, index) => `${name} ${columns[index + 1][at] === null ? '–' : write(columns[index + 1][at])}`).join(', ')}`
}

function move({ chart, columns }, event) {
  const last = columns[0].length - 1
  const now = chart.cursor.idx ?? last + 1
  const next = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last }[event.key]
  if (next === undefined) return
  event.preventDefault()
  const at = Math.max(0, Math.min(last, next))
  chart.setCursor({ left: chart.valToPos(columns[0][at], 'x'), top: 0 })
}

/** Between two bars, so that the first and the last are whole. */
function stepOf([at]) {
  return at.length < 2 ? 60 : at[1] - at[0]
}

function clockTime(at) {
  return new Date(at * 1_000).toISOString().slice(11, 16)
}
