/** Long-term averages for a few cities: weather that needs no network. Degrees Celsius, January to December, WMO normals 1991-2020, rounded. */

const MEAN_CELSIUS: Readonly<Record<string, readonly number[]>> = {
  berlin: [1, 2, 5, 10, 15, 18, 20, 19, 15, 10, 5, 2],
  london: [6, 6, 8, 10, 14, 17, 19, 19, 16, 12, 8, 6],
  'new york': [1, 2, 6, 12, 17, 22, 25, 24, 21, 15, 9, 4],
  sydney: [24, 24, 22, 20, 17, 14, 13, 15, 17, 19, 21, 23],
  tokyo: [5, 6, 9, 14, 19, 22, 26, 27, 23, 18, 13, 8],
}

export const CITIES: readonly string[] = Object.keys(MEAN_CELSIUS)

/** The average temperature of the month in which `at` (milliseconds since the epoch) lies; undefined for a city that is not known. */
export function meanTemperature(city: string, at: number): number | undefined {
  const months = Object.hasOwn(MEAN_CELSIUS, city.toLowerCase()) ? MEAN_CELSIUS[city.toLowerCase()] : undefined
  return months?.[new Date(at).getUTCMonth()]
}
