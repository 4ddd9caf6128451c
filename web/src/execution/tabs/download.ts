import type { Json } from '../../api/types'

/** Have the browser keep a value as a JSON file. */
export function download(name: string, value: Json): void {
  const file = new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = `${name.replace(/[^\w.-]+/g, '-')}.json`
  link.click()
  // The browser has taken hold of the file by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
